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
    """
)
"""THREADINFOCLASS."""
