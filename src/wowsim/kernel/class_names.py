"""Names of information classes (wdm.h, phnt), for what is refused by name.

Who may import it: the kernel package.
"""

from __future__ import annotations

from wowsim.errors import GuestFault, Unsupported
from wowsim.nt.status import STATUS_INVALID_INFO_CLASS


def _numbered(names: str, start: int = 0) -> dict[int, str]:
    return dict(enumerate(names.split(), start))


def absent(service_name: str, classes: dict[int, str], information_class: int) -> Unsupported | GuestFault:
    """What to raise for a class that is not handled: its name, or that Windows has none of that number."""
    name = classes.get(information_class)
    if name is None:
        return GuestFault(STATUS_INVALID_INFO_CLASS)
    return Unsupported(f"{service_name}({name}) is not implemented")


FILE_CLASSES = _numbered(
    """
    FileDirectoryInformation FileFullDirectoryInformation FileBothDirectoryInformation
    FileBasicInformation FileStandardInformation FileInternalInformation FileEaInformation
    FileAccessInformation FileNameInformation FileRenameInformation FileLinkInformation
    FileNamesInformation FileDispositionInformation FilePositionInformation FileFullEaInformation
    FileModeInformation FileAlignmentInformation FileAllInformation FileAllocationInformation
    FileEndOfFileInformation FileAlternateNameInformation FileStreamInformation FilePipeInformation
    FilePipeLocalInformation FilePipeRemoteInformation FileMailslotQueryInformation
    FileMailslotSetInformation FileCompressionInformation FileObjectIdInformation
    FileCompletionInformation FileMoveClusterInformation FileQuotaInformation
    FileReparsePointInformation FileNetworkOpenInformation FileAttributeTagInformation
    FileTrackingInformation FileIdBothDirectoryInformation FileIdFullDirectoryInformation
    FileValidDataLengthInformation FileShortNameInformation FileIoCompletionNotificationInformation
    FileIoStatusBlockRangeInformation FileIoPriorityHintInformation FileSfioReserveInformation
    FileSfioVolumeInformation FileHardLinkInformation FileProcessIdsUsingFileInformation
    FileNormalizedNameInformation FileNetworkPhysicalNameInformation
    FileIdGlobalTxDirectoryInformation FileIsRemoteDeviceInformation FileUnusedInformation
    FileNumaNodeInformation FileStandardLinkInformation FileRemoteProtocolInformation
    FileRenameInformationBypassAccessCheck FileLinkInformationBypassAccessCheck
    FileVolumeNameInformation FileIdInformation FileIdExtdDirectoryInformation
    FileReplaceCompletionInformation FileHardLinkFullIdInformation
    FileIdExtdBothDirectoryInformation FileDispositionInformationEx FileRenameInformationEx
    FileRenameInformationExBypassAccessCheck FileDesiredStorageClassInformation FileStatInformation
    FileMemoryPartitionInformation FileStatLxInformation FileCaseSensitiveInformation
    FileLinkInformationEx FileLinkInformationExBypassAccessCheck FileStorageReserveIdInformation
    FileCaseSensitiveInformationForceAccessCheck FileKnownFolderInformation
    """,
    start=1,
)
"""FILE_INFORMATION_CLASS."""

VOLUME_CLASSES = _numbered(
    """
    FileFsVolumeInformation FileFsLabelInformation FileFsSizeInformation FileFsDeviceInformation
    FileFsAttributeInformation FileFsControlInformation FileFsFullSizeInformation
    FileFsObjectIdInformation FileFsDriverPathInformation FileFsVolumeFlagsInformation
    FileFsSectorSizeInformation FileFsDataCopyInformation FileFsMetadataSizeInformation
    FileFsFullSizeInformationEx
    """,
    start=1,
)
"""FS_INFORMATION_CLASS."""

PROCESS_CLASSES = _numbered(
    """
    ProcessBasicInformation ProcessQuotaLimits ProcessIoCounters ProcessVmCounters ProcessTimes
    ProcessBasePriority ProcessRaisePriority ProcessDebugPort ProcessExceptionPort
    ProcessAccessToken ProcessLdtInformation ProcessLdtSize ProcessDefaultHardErrorMode
    ProcessIoPortHandlers ProcessPooledUsageAndLimits ProcessWorkingSetWatch ProcessUserModeIOPL
    ProcessEnableAlignmentFaultFixup ProcessPriorityClass ProcessWx86Information ProcessHandleCount
    ProcessAffinityMask ProcessPriorityBoost ProcessDeviceMap ProcessSessionInformation
    ProcessForegroundInformation ProcessWow64Information ProcessImageFileName
    ProcessLUIDDeviceMapsEnabled ProcessBreakOnTermination ProcessDebugObjectHandle
    ProcessDebugFlags ProcessHandleTracing ProcessIoPriority ProcessExecuteFlags
    ProcessTlsInformation ProcessCookie ProcessImageInformation ProcessCycleTime ProcessPagePriority
    ProcessInstrumentationCallback ProcessThreadStackAllocation ProcessWorkingSetWatchEx
    ProcessImageFileNameWin32 ProcessImageFileMapping ProcessAffinityUpdateMode
    ProcessMemoryAllocationMode ProcessGroupInformation ProcessTokenVirtualizationEnabled
    ProcessConsoleHostProcess ProcessWindowInformation ProcessHandleInformation
    ProcessMitigationPolicy ProcessDynamicFunctionTableInformation ProcessHandleCheckingMode
    ProcessKeepAliveCount ProcessRevokeFileHandles ProcessWorkingSetControl ProcessHandleTable
    ProcessCheckStackExtentsMode ProcessCommandLineInformation ProcessProtectionInformation
    ProcessMemoryExhaustion ProcessFaultInformation ProcessTelemetryIdInformation
    ProcessCommitReleaseInformation ProcessDefaultCpuSetsInformation ProcessAllowedCpuSetsInformation
    ProcessSubsystemProcess ProcessJobMemoryInformation ProcessInPrivate
    ProcessRaiseUMExceptionOnInvalidHandleClose ProcessIumChallengeResponse
    ProcessChildProcessInformation ProcessHighGraphicsPriorityInformation ProcessSubsystemInformation
    ProcessEnergyValues ProcessPowerThrottlingState ProcessReserved3Information
    ProcessWin32kSyscallFilterInformation ProcessDisableSystemAllowedCpuSets ProcessWakeInformation
    ProcessEnergyTrackingState ProcessManageWritesToExecutableMemory ProcessCaptureTrustletLiveDump
    ProcessTelemetryCoverage ProcessEnclaveInformation ProcessEnableReadWriteVmLogging
    ProcessUptimeInformation ProcessImageSection ProcessDebugAuthInformation
    ProcessSystemResourceManagement ProcessSequenceNumber ProcessLoaderDetour
    ProcessSecurityDomainInformation ProcessCombineSecurityDomainsInformation ProcessEnableLogging
    ProcessLeapSecondInformation ProcessFiberShadowStackAllocation
    ProcessFreeFiberShadowStackAllocation ProcessAltSystemCallInformation
    ProcessDynamicEHContinuationTargets ProcessDynamicEnforcedCetCompatibleRanges
    """
)
"""PROCESSINFOCLASS."""

THREAD_CLASSES = _numbered(
    """
    ThreadBasicInformation ThreadTimes ThreadPriority ThreadBasePriority ThreadAffinityMask
    ThreadImpersonationToken ThreadDescriptorTableEntry ThreadEnableAlignmentFaultFixup
    ThreadEventPair ThreadQuerySetWin32StartAddress ThreadZeroTlsCell ThreadPerformanceCount
    ThreadAmILastThread ThreadIdealProcessor ThreadPriorityBoost ThreadSetTlsArrayAddress
    ThreadIsIoPending ThreadHideFromDebugger ThreadBreakOnTermination ThreadSwitchLegacyState
    ThreadIsTerminated ThreadLastSystemCall ThreadIoPriority ThreadCycleTime ThreadPagePriority
    ThreadActualBasePriority ThreadTebInformation ThreadCSwitchMon ThreadCSwitchPmu
    ThreadWow64Context ThreadGroupInformation ThreadUmsInformation ThreadCounterProfiling
    ThreadIdealProcessorEx ThreadCpuAccountingInformation ThreadSuspendCount
    ThreadHeterogeneousCpuPolicy ThreadContainerId ThreadNameInformation ThreadSelectedCpuSets
    ThreadSystemThreadInformation ThreadActualGroupAffinity ThreadDynamicCodePolicyInfo
    ThreadExplicitCaseSensitivity ThreadWorkOnBehalfTicket ThreadSubsystemInformation
    ThreadDbgkWerReportActive ThreadAttachContainer ThreadManageWritesToExecutableMemory
    ThreadPowerThrottlingState ThreadWorkloadClass
    """
)
"""THREADINFOCLASS."""

TOKEN_CLASSES = _numbered(
    """
    TokenUser TokenGroups TokenPrivileges TokenOwner TokenPrimaryGroup TokenDefaultDacl TokenSource
    TokenType TokenImpersonationLevel TokenStatistics TokenRestrictedSids TokenSessionId
    TokenGroupsAndPrivileges TokenSessionReference TokenSandBoxInert TokenAuditPolicy TokenOrigin
    TokenElevationType TokenLinkedToken TokenElevation TokenHasRestrictions TokenAccessInformation
    TokenVirtualizationAllowed TokenVirtualizationEnabled TokenIntegrityLevel TokenUIAccess
    TokenMandatoryPolicy TokenLogonSid TokenIsAppContainer TokenCapabilities TokenAppContainerSid
    TokenAppContainerNumber TokenUserClaimAttributes TokenDeviceClaimAttributes
    TokenRestrictedUserClaimAttributes TokenRestrictedDeviceClaimAttributes TokenDeviceGroups
    TokenRestrictedDeviceGroups TokenSecurityAttributes TokenIsRestricted TokenProcessTrustLevel
    TokenPrivateNameSpace TokenSingletonAttributes TokenBnoIsolation TokenChildProcessFlags
    TokenIsLessPrivilegedAppContainer TokenIsSandboxed TokenIsAppSilo TokenLoggingInformation
    TokenLearningMode
    """,
    start=1,
)
"""TOKEN_INFORMATION_CLASS."""

JOB_CLASSES = _numbered(
    """
    JobObjectBasicAccountingInformation JobObjectBasicLimitInformation JobObjectBasicProcessIdList
    JobObjectBasicUIRestrictions JobObjectSecurityLimitInformation JobObjectEndOfJobTimeInformation
    JobObjectAssociateCompletionPortInformation JobObjectBasicAndIoAccountingInformation
    JobObjectExtendedLimitInformation JobObjectJobSetInformation JobObjectGroupInformation
    JobObjectNotificationLimitInformation JobObjectLimitViolationInformation JobObjectGroupInformationEx
    JobObjectCpuRateControlInformation JobObjectCompletionFilter JobObjectCompletionCounter
    JobObjectFreezeInformation JobObjectExtendedAccountingInformation JobObjectWakeInformation
    """,
    start=1,
)
"""JOBOBJECTINFOCLASS."""
