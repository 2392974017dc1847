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
    FileCaseSensitiveInformationForceAccessCheck FileKnownFolderInformation FileStatBasicInformation
    FileId64ExtdDirectoryInformation FileId64ExtdBothDirectoryInformation FileIdAllExtdDirectoryInformation
    FileIdAllExtdBothDirectoryInformation FileStreamReservationInformation FileMupProviderInfo
    """,
    start=1,
)
"""FILE_INFORMATION_CLASS."""
DIRECTORY_CLASSES = frozenset({1, 2, 3, 12, 37, 38, 50, 60, 63, 78, 79, 80, 81})
"""Those of NtQueryDirectoryFile, which are no class of a file's own ([MS-FSCC] 2.4)."""
SET_ONLY_FILE_CLASSES = DIRECTORY_CLASSES | {
    10,
    11,
    13,
    19,
    20,
    27,
    30,
    31,
    39,
    40,
    56,
    57,
    61,
    64,
    65,
    66,
    72,
    73,
}
"""Those that NtQueryInformationFile does not have ([MS-FSCC] 2.4: "Set" alone)."""
QUERY_ONLY_FILE_CLASSES = DIRECTORY_CLASSES | {
    5, 6, 7, 8, 9, 17, 18, 21, 22, 24, 28, 34, 35, 46, 48, 51, 54, 55, 58, 59, 62, 68, 70, 77,
}  # fmt: skip
"""Those that NtSetInformationFile does not have ([MS-FSCC] 2.4: "Query" alone)."""

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

SYSTEM_CLASSES = _numbered(
    """
    SystemBasicInformation SystemProcessorInformation SystemPerformanceInformation
    SystemTimeOfDayInformation SystemPathInformation SystemProcessInformation SystemCallCountInformation
    SystemDeviceInformation SystemProcessorPerformanceInformation SystemFlagsInformation
    SystemCallTimeInformation SystemModuleInformation SystemLocksInformation SystemStackTraceInformation
    SystemPagedPoolInformation SystemNonPagedPoolInformation SystemHandleInformation
    SystemObjectInformation SystemPageFileInformation SystemVdmInstemulInformation
    SystemVdmBopInformation SystemFileCacheInformation SystemPoolTagInformation
    SystemInterruptInformation SystemDpcBehaviorInformation SystemFullMemoryInformation
    SystemLoadGdiDriverInformation SystemUnloadGdiDriverInformation SystemTimeAdjustmentInformation
    SystemSummaryMemoryInformation SystemMirrorMemoryInformation SystemPerformanceTraceInformation
    SystemObsolete0 SystemExceptionInformation SystemCrashDumpStateInformation
    SystemKernelDebuggerInformation SystemContextSwitchInformation SystemRegistryQuotaInformation
    SystemExtendServiceTableInformation SystemPrioritySeparation SystemVerifierAddDriverInformation
    SystemVerifierRemoveDriverInformation SystemProcessorIdleInformation SystemLegacyDriverInformation
    SystemCurrentTimeZoneInformation SystemLookasideInformation SystemTimeSlipNotification
    SystemSessionCreate SystemSessionDetach SystemSessionInformation SystemRangeStartInformation
    SystemVerifierInformation SystemVerifierThunkExtend SystemSessionProcessInformation
    SystemLoadGdiDriverInSystemSpace SystemNumaProcessorMap SystemPrefetcherInformation
    SystemExtendedProcessInformation SystemRecommendedSharedDataAlignment SystemComPlusPackage
    SystemNumaAvailableMemory SystemProcessorPowerInformation SystemEmulationBasicInformation
    SystemEmulationProcessorInformation SystemExtendedHandleInformation
    SystemLostDelayedWriteInformation SystemBigPoolInformation SystemSessionPoolTagInformation
    SystemSessionMappedViewInformation SystemHotpatchInformation SystemObjectSecurityMode
    SystemWatchdogTimerHandler SystemWatchdogTimerInformation SystemLogicalProcessorInformation
    SystemWow64SharedInformationObsolete SystemRegisterFirmwareTableInformationHandler
    SystemFirmwareTableInformation SystemModuleInformationEx SystemVerifierTriageInformation
    SystemSuperfetchInformation SystemMemoryListInformation SystemFileCacheInformationEx
    SystemThreadPriorityClientIdInformation SystemProcessorIdleCycleTimeInformation
    SystemVerifierCancellationInformation SystemProcessorPowerInformationEx SystemRefTraceInformation
    SystemSpecialPoolInformation SystemProcessIdInformation SystemErrorPortInformation
    SystemBootEnvironmentInformation SystemHypervisorInformation SystemVerifierInformationEx
    SystemTimeZoneInformation SystemImageFileExecutionOptionsInformation SystemCoverageInformation
    SystemPrefetchPatchInformation SystemVerifierFaultsInformation SystemSystemPartitionInformation
    SystemSystemDiskInformation SystemProcessorPerformanceDistribution
    SystemNumaProximityNodeInformation SystemDynamicTimeZoneInformation SystemCodeIntegrityInformation
    SystemProcessorMicrocodeUpdateInformation SystemProcessorBrandString SystemVirtualAddressInformation
    SystemLogicalProcessorAndGroupInformation SystemProcessorCycleTimeInformation SystemStoreInformation
    SystemRegistryAppendString SystemAitSamplingValue SystemVhdBootInformation SystemCpuQuotaInformation
    SystemNativeBasicInformation SystemErrorPortTimeouts SystemLowPriorityIoInformation
    SystemTpmBootEntropyInformation SystemVerifierCountersInformation SystemPagedPoolInformationEx
    SystemSystemPtesInformationEx SystemNodeDistanceInformation SystemAcpiAuditInformation
    SystemBasicPerformanceInformation SystemQueryPerformanceCounterInformation
    SystemSessionBigPoolInformation SystemBootGraphicsInformation SystemScrubPhysicalMemoryInformation
    SystemBadPageInformation SystemProcessorProfileControlArea SystemCombinePhysicalMemoryInformation
    SystemEntropyInterruptTimingInformation SystemConsoleInformation SystemPlatformBinaryInformation
    SystemPolicyInformation SystemHypervisorProcessorCountInformation SystemDeviceDataInformation
    SystemDeviceDataEnumerationInformation SystemMemoryTopologyInformation
    SystemMemoryChannelInformation SystemBootLogoInformation SystemProcessorPerformanceInformationEx
    SystemCriticalProcessErrorLogInformation SystemSecureBootPolicyInformation
    SystemPageFileInformationEx SystemSecureBootInformation SystemEntropyInterruptTimingRawInformation
    SystemPortableWorkspaceEfiLauncherInformation SystemFullProcessInformation
    SystemKernelDebuggerInformationEx SystemBootMetadataInformation SystemSoftRebootInformation
    SystemElamCertificateInformation SystemOfflineDumpConfigInformation
    SystemProcessorFeaturesInformation SystemRegistryReconciliationInformation SystemEdidInformation
    SystemManufacturingInformation SystemEnergyEstimationConfigInformation
    SystemHypervisorDetailInformation SystemProcessorCycleStatsInformation
    SystemVmGenerationCountInformation SystemTrustedPlatformModuleInformation SystemKernelDebuggerFlags
    SystemCodeIntegrityPolicyInformation SystemIsolatedUserModeInformation
    SystemHardwareSecurityTestInterfaceResultsInformation SystemSingleModuleInformation
    SystemAllowedCpuSetsInformation SystemVsmProtectionInformation SystemInterruptCpuSetsInformation
    SystemSecureBootPolicyFullInformation SystemCodeIntegrityPolicyFullInformation
    SystemAffinitizedInterruptProcessorInformation SystemRootSiloInformation SystemCpuSetInformation
    SystemCpuSetTagInformation SystemWin32WerStartCallout SystemSecureKernelProfileInformation
    SystemCodeIntegrityPlatformManifestInformation SystemInterruptSteeringInformation
    SystemSupportedProcessorArchitectures SystemMemoryUsageInformation
    SystemCodeIntegrityCertificateInformation SystemPhysicalMemoryInformation
    SystemControlFlowTransition SystemKernelDebuggingAllowed SystemActivityModerationExeState
    SystemActivityModerationUserSettings SystemCodeIntegrityPoliciesFullInformation
    SystemCodeIntegrityUnlockInformation SystemIntegrityQuotaInformation SystemFlushInformation
    SystemProcessorIdleMaskInformation SystemSecureDumpEncryptionInformation
    SystemWriteConstraintInformation SystemKernelVaShadowInformation
    SystemHypervisorSharedPageInformation SystemFirmwareBootPerformanceInformation
    SystemCodeIntegrityVerificationInformation SystemFirmwarePartitionInformation
    SystemSpeculationControlInformation SystemDmaGuardPolicyInformation
    SystemEnclaveLaunchControlInformation SystemWorkloadAllowedCpuSetsInformation
    SystemCodeIntegrityUnlockModeInformation SystemLeapSecondInformation SystemFlags2Information
    SystemSecurityModelInformation SystemCodeIntegritySyntheticCacheInformation
    SystemFeatureConfigurationInformation SystemFeatureConfigurationSectionInformation
    SystemFeatureUsageSubscriptionInformation SystemSecureSpeculationControlInformation
    SystemSpacesBootInformation SystemFwRamdiskInformation SystemWheaIpmiHardwareInformation
    SystemDifSetRuleClassInformation SystemDifClearRuleClassInformation
    SystemDifApplyPluginVerificationOnDriver SystemDifRemovePluginVerificationOnDriver
    SystemShadowStackInformation SystemBuildVersionInformation SystemPoolLimitInformation
    SystemCodeIntegrityAddDynamicStore SystemCodeIntegrityClearDynamicStores
    SystemDifPoolTrackingInformation SystemPoolZeroingInformation SystemDpcWatchdogInformation
    SystemDpcWatchdogInformation2 SystemSupportedProcessorArchitectures2
    SystemSingleProcessorRelationshipInformation SystemXfgCheckFailureInformation
    SystemIommuStateInformation SystemHypervisorMinrootInformation SystemHypervisorBootPagesInformation
    SystemPointerAuthInformation SystemSecureKernelDebuggerInformation
    SystemOriginalImageFeatureInformation SystemMemoryNumaInformation
    SystemMemoryNumaPerformanceInformation SystemCodeIntegritySignedPoliciesFullInformation
    SystemSecureCoreInformation SystemTrustedAppsRuntimeInformation SystemBadPageInformationEx
    SystemResourceDeadlockTimeout SystemBreakOnContextUnwindFailureInformation
    SystemOslRamdiskInformation SystemCodeIntegrityPolicyManagementInformation
    SystemMemoryNumaCacheInformation SystemProcessorFeaturesBitMapInformation
    """
)
"""SYSTEM_INFORMATION_CLASS."""

POWER_LEVELS = _numbered(
    """
    SystemPowerPolicyAc SystemPowerPolicyDc VerifySystemPolicyAc VerifySystemPolicyDc
    SystemPowerCapabilities SystemBatteryState SystemPowerStateHandler ProcessorStateHandler
    SystemPowerPolicyCurrent AdministratorPowerPolicy SystemReserveHiberFile ProcessorInformation
    SystemPowerInformation ProcessorStateHandler2 LastWakeTime LastSleepTime SystemExecutionState
    SystemPowerStateNotifyHandler ProcessorPowerPolicyAc ProcessorPowerPolicyDc
    VerifyProcessorPowerPolicyAc VerifyProcessorPowerPolicyDc ProcessorPowerPolicyCurrent
    SystemPowerStateLogging SystemPowerLoggingEntry SetPowerSettingValue NotifyUserPowerSetting
    PowerInformationLevelUnused0 SystemMonitorHiddenBootLevel SystemVideoState
    TraceApplicationPowerMessage TraceApplicationPowerMessageEnd ProcessorPerfStates ProcessorIdleStates
    ProcessorCap SystemWakeSource SystemHiberFileInformation TraceServicePowerMessage ProcessorLoad
    PowerShutdownNotification MonitorCapabilities SessionPowerInit SessionDisplayState
    PowerRequestCreate PowerRequestAction GetPowerRequestList ProcessorInformationEx
    NotifyUserModeLegacyPowerEvent GroupPark ProcessorIdleDomains WakeTimerList SystemHiberFileSize
    """
)
"""POWER_INFORMATION_LEVEL (winnt.h), as far as wowsim knows their names."""
