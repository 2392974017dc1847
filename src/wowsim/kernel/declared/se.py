"""Access checks, audit, tokens and signing levels (the security reference monitor, nt!Se*).

Declared, not implemented (see ``kernel.declared``). Signatures: phnt, ntseapi.h, ntmisc.h.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from wowsim.nt.abi import (
    ACCESS_MASK,
    BOOLEAN,
    HANDLE,
    LARGE_INTEGER,
    NTSTATUS,
    PSECURITY_DESCRIPTOR,
    PVOID,
    UCHAR,
    ULONG,
    Array,
    In,
    InOut,
    Out,
    Unconverted,
)
from wowsim.nt.security_structures import (
    GENERIC_MAPPING,
    OBJECT_TYPE_LIST,
    SID_AND_ATTRIBUTES,
    TOKEN_DEFAULT_DACL,
    TOKEN_MANDATORY_POLICY,
    TOKEN_OWNER,
    TOKEN_PRIMARY_GROUP,
    TOKEN_SOURCE,
    TOKEN_USER,
)
from wowsim.nt.structures import LUID, OBJECT_ATTRIBUTES, UNICODE_STRING

if TYPE_CHECKING:
    from wowsim.kernel.context import Kernel


def NtAccessCheck(
    k: Kernel,
    security_descriptor: PSECURITY_DESCRIPTOR,
    client_token: HANDLE,
    desired_access: ACCESS_MASK,
    generic_mapping: In[GENERIC_MAPPING],
    privilege_set: PVOID,
    privilege_set_length: InOut[ULONG],
    granted_access: Out[ACCESS_MASK],
    access_status: Out[NTSTATUS],
) -> NTSTATUS: ...


def NtAccessCheckAndAuditAlarm(
    k: Kernel,
    subsystem_name: In[UNICODE_STRING],
    handle_id: PVOID,
    object_type_name: In[UNICODE_STRING],
    object_name: In[UNICODE_STRING],
    security_descriptor: PSECURITY_DESCRIPTOR,
    desired_access: ACCESS_MASK,
    generic_mapping: In[GENERIC_MAPPING],
    object_creation: BOOLEAN,
    granted_access: Out[ACCESS_MASK],
    access_status: Out[NTSTATUS],
    generate_on_close: Out[BOOLEAN],
) -> NTSTATUS: ...


def NtAccessCheckByType(
    k: Kernel,
    security_descriptor: PSECURITY_DESCRIPTOR,
    principal_self_sid: PVOID,
    client_token: HANDLE,
    desired_access: ACCESS_MASK,
    object_type_list: Annotated[PVOID, Array(OBJECT_TYPE_LIST, "object_type_list_length")],
    object_type_list_length: ULONG,
    generic_mapping: In[GENERIC_MAPPING],
    privilege_set: PVOID,
    privilege_set_length: InOut[ULONG],
    granted_access: Out[ACCESS_MASK],
    access_status: Out[NTSTATUS],
) -> NTSTATUS: ...


def NtAccessCheckByTypeAndAuditAlarm(
    k: Kernel,
    subsystem_name: In[UNICODE_STRING],
    handle_id: PVOID,
    object_type_name: In[UNICODE_STRING],
    object_name: In[UNICODE_STRING],
    security_descriptor: PSECURITY_DESCRIPTOR,
    principal_self_sid: PVOID,
    desired_access: ACCESS_MASK,
    audit_type: ULONG,
    flags: ULONG,
    object_type_list: Annotated[PVOID, Array(OBJECT_TYPE_LIST, "object_type_list_length")],
    object_type_list_length: ULONG,
    generic_mapping: In[GENERIC_MAPPING],
    object_creation: BOOLEAN,
    granted_access: Out[ACCESS_MASK],
    access_status: Out[NTSTATUS],
    generate_on_close: Out[BOOLEAN],
) -> NTSTATUS: ...


def NtAccessCheckByTypeResultList(
    k: Kernel,
    security_descriptor: PSECURITY_DESCRIPTOR,
    principal_self_sid: PVOID,
    client_token: HANDLE,
    desired_access: ACCESS_MASK,
    object_type_list: Annotated[PVOID, Array(OBJECT_TYPE_LIST, "object_type_list_length")],
    object_type_list_length: ULONG,
    generic_mapping: In[GENERIC_MAPPING],
    privilege_set: PVOID,
    privilege_set_length: InOut[ULONG],
    granted_access: PVOID,
    access_status: PVOID,
) -> NTSTATUS: ...


def NtAccessCheckByTypeResultListAndAuditAlarm(
    k: Kernel,
    subsystem_name: In[UNICODE_STRING],
    handle_id: PVOID,
    object_type_name: In[UNICODE_STRING],
    object_name: In[UNICODE_STRING],
    security_descriptor: PSECURITY_DESCRIPTOR,
    principal_self_sid: PVOID,
    desired_access: ACCESS_MASK,
    audit_type: ULONG,
    flags: ULONG,
    object_type_list: Annotated[PVOID, Array(OBJECT_TYPE_LIST, "object_type_list_length")],
    object_type_list_length: ULONG,
    generic_mapping: In[GENERIC_MAPPING],
    object_creation: BOOLEAN,
    granted_access: PVOID,
    access_status: PVOID,
    generate_on_close: Out[BOOLEAN],
) -> NTSTATUS: ...


def NtAccessCheckByTypeResultListAndAuditAlarmByHandle(
    k: Kernel,
    subsystem_name: In[UNICODE_STRING],
    handle_id: PVOID,
    client_token: HANDLE,
    object_type_name: In[UNICODE_STRING],
    object_name: In[UNICODE_STRING],
    security_descriptor: PSECURITY_DESCRIPTOR,
    principal_self_sid: PVOID,
    desired_access: ACCESS_MASK,
    audit_type: ULONG,
    flags: ULONG,
    object_type_list: Annotated[PVOID, Array(OBJECT_TYPE_LIST, "object_type_list_length")],
    object_type_list_length: ULONG,
    generic_mapping: In[GENERIC_MAPPING],
    object_creation: BOOLEAN,
    granted_access: PVOID,
    access_status: PVOID,
    generate_on_close: Out[BOOLEAN],
) -> NTSTATUS: ...


def NtAdjustGroupsToken(
    k: Kernel,
    token_handle: HANDLE,
    reset_to_default: BOOLEAN,
    new_state: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    buffer_length: ULONG,
    previous_state: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtAdjustPrivilegesToken(
    k: Kernel,
    token_handle: HANDLE,
    disable_all_privileges: BOOLEAN,
    new_state: PVOID,
    buffer_length: ULONG,
    previous_state: PVOID,
    return_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtAdjustTokenClaimsAndDeviceGroups(
    k: Kernel,
    token_handle: HANDLE,
    user_reset_to_default: BOOLEAN,
    device_reset_to_default: BOOLEAN,
    device_groups_reset_to_default: BOOLEAN,
    new_user_state: Annotated[PVOID, Unconverted("TOKEN_SECURITY_ATTRIBUTES_INFORMATION")],
    new_device_state: Annotated[PVOID, Unconverted("TOKEN_SECURITY_ATTRIBUTES_INFORMATION")],
    new_device_groups_state: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    user_buffer_length: ULONG,
    previous_user_state: Annotated[PVOID, Unconverted("TOKEN_SECURITY_ATTRIBUTES_INFORMATION")],
    device_buffer_length: ULONG,
    previous_device_state: Annotated[PVOID, Unconverted("TOKEN_SECURITY_ATTRIBUTES_INFORMATION")],
    device_groups_buffer_length: ULONG,
    previous_device_groups: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    user_return_length: Out[ULONG] | None,
    device_return_length: Out[ULONG] | None,
    device_groups_return_buffer_length: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtCloseObjectAuditAlarm(
    k: Kernel, subsystem_name: In[UNICODE_STRING], handle_id: PVOID, generate_on_close: BOOLEAN
) -> NTSTATUS: ...


def NtCompareSigningLevels(
    k: Kernel, first_signing_level: UCHAR, second_signing_level: UCHAR
) -> NTSTATUS: ...


def NtCompareTokens(
    k: Kernel, first_token_handle: HANDLE, second_token_handle: HANDLE, equal: Out[BOOLEAN]
) -> NTSTATUS: ...


def NtCreateLowBoxToken(
    k: Kernel,
    token_handle: Out[HANDLE],
    existing_token_handle: HANDLE,
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    package_sid: PVOID,
    capability_count: ULONG,
    capabilities: Annotated[PVOID, Array(SID_AND_ATTRIBUTES, "capability_count")],
    handle_count: ULONG,
    handles: Annotated[PVOID, Array(HANDLE, "handle_count")],
) -> NTSTATUS: ...


def NtCreateToken(
    k: Kernel,
    token_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    type: ULONG,
    authentication_id: In[LUID],
    expiration_time: In[LARGE_INTEGER],
    user: In[TOKEN_USER],
    groups: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    privileges: PVOID,
    owner: In[TOKEN_OWNER] | None,
    primary_group: In[TOKEN_PRIMARY_GROUP],
    default_dacl: In[TOKEN_DEFAULT_DACL] | None,
    source: In[TOKEN_SOURCE],
) -> NTSTATUS: ...


def NtCreateTokenEx(
    k: Kernel,
    token_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    type: ULONG,
    authentication_id: In[LUID],
    expiration_time: In[LARGE_INTEGER],
    user: In[TOKEN_USER],
    groups: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    privileges: PVOID,
    user_attributes: Annotated[PVOID, Unconverted("TOKEN_SECURITY_ATTRIBUTES_INFORMATION")],
    device_attributes: Annotated[PVOID, Unconverted("TOKEN_SECURITY_ATTRIBUTES_INFORMATION")],
    device_groups: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    mandatory_policy: In[TOKEN_MANDATORY_POLICY] | None,
    owner: In[TOKEN_OWNER] | None,
    primary_group: In[TOKEN_PRIMARY_GROUP],
    default_dacl: In[TOKEN_DEFAULT_DACL] | None,
    source: In[TOKEN_SOURCE],
) -> NTSTATUS: ...


def NtDeleteObjectAuditAlarm(
    k: Kernel, subsystem_name: In[UNICODE_STRING], handle_id: PVOID, generate_on_close: BOOLEAN
) -> NTSTATUS: ...


def NtDuplicateToken(
    k: Kernel,
    existing_token_handle: HANDLE,
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES] | None,
    effective_only: BOOLEAN,
    type: ULONG,
    new_token_handle: Out[HANDLE],
) -> NTSTATUS: ...


def NtFilterToken(
    k: Kernel,
    existing_token_handle: HANDLE,
    flags: ULONG,
    sids_to_disable: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    privileges_to_delete: PVOID,
    restricted_sids: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    new_token_handle: Out[HANDLE],
) -> NTSTATUS: ...


def NtFilterTokenEx(
    k: Kernel,
    existing_token_handle: HANDLE,
    flags: ULONG,
    sids_to_disable: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    privileges_to_delete: PVOID,
    restricted_sids: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    disable_user_claims_count: ULONG,
    user_claims_to_disable: In[UNICODE_STRING] | None,
    disable_device_claims_count: ULONG,
    device_claims_to_disable: In[UNICODE_STRING] | None,
    device_groups_to_disable: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    restricted_user_attributes: Annotated[PVOID, Unconverted("TOKEN_SECURITY_ATTRIBUTES_INFORMATION")],
    restricted_device_attributes: Annotated[PVOID, Unconverted("TOKEN_SECURITY_ATTRIBUTES_INFORMATION")],
    restricted_device_groups: Annotated[PVOID, Unconverted("TOKEN_GROUPS")],
    new_token_handle: Out[HANDLE],
) -> NTSTATUS: ...


def NtGetCachedSigningLevel(
    k: Kernel,
    file: HANDLE,
    flags: Out[ULONG],
    signing_level: Out[UCHAR],
    thumbprint: PVOID,
    thumbprint_size: InOut[ULONG] | None,
    thumbprint_algorithm: Out[ULONG] | None,
) -> NTSTATUS: ...


def NtImpersonateAnonymousToken(k: Kernel, thread_handle: HANDLE) -> NTSTATUS: ...


def NtOpenObjectAuditAlarm(
    k: Kernel,
    subsystem_name: In[UNICODE_STRING],
    handle_id: PVOID,
    object_type_name: In[UNICODE_STRING],
    object_name: In[UNICODE_STRING],
    security_descriptor: PSECURITY_DESCRIPTOR,
    client_token: HANDLE,
    desired_access: ACCESS_MASK,
    granted_access: ACCESS_MASK,
    privileges: PVOID,
    object_creation: BOOLEAN,
    access_granted: BOOLEAN,
    generate_on_close: Out[BOOLEAN],
) -> NTSTATUS: ...


def NtOpenProcessToken(
    k: Kernel, process_handle: HANDLE, desired_access: ACCESS_MASK, token_handle: Out[HANDLE]
) -> NTSTATUS: ...


def NtOpenProcessTokenEx(
    k: Kernel,
    process_handle: HANDLE,
    desired_access: ACCESS_MASK,
    handle_attributes: ULONG,
    token_handle: Out[HANDLE],
) -> NTSTATUS: ...


def NtOpenThreadToken(
    k: Kernel,
    thread_handle: HANDLE,
    desired_access: ACCESS_MASK,
    open_as_self: BOOLEAN,
    token_handle: Out[HANDLE],
) -> NTSTATUS: ...


def NtOpenThreadTokenEx(
    k: Kernel,
    thread_handle: HANDLE,
    desired_access: ACCESS_MASK,
    open_as_self: BOOLEAN,
    handle_attributes: ULONG,
    token_handle: Out[HANDLE],
) -> NTSTATUS: ...


def NtPrivilegeCheck(
    k: Kernel, client_token: HANDLE, required_privileges: PVOID, result: Out[BOOLEAN]
) -> NTSTATUS: ...


def NtPrivilegeObjectAuditAlarm(
    k: Kernel,
    subsystem_name: In[UNICODE_STRING],
    handle_id: PVOID,
    client_token: HANDLE,
    desired_access: ACCESS_MASK,
    privileges: PVOID,
    access_granted: BOOLEAN,
) -> NTSTATUS: ...


def NtPrivilegedServiceAuditAlarm(
    k: Kernel,
    subsystem_name: In[UNICODE_STRING],
    service_name: In[UNICODE_STRING],
    client_token: HANDLE,
    privileges: PVOID,
    access_granted: BOOLEAN,
) -> NTSTATUS: ...


def NtQueryInformationToken(
    k: Kernel,
    token_handle: HANDLE,
    token_information_class: ULONG,
    token_information: PVOID,
    token_information_length: ULONG,
    return_length: Out[ULONG],
) -> NTSTATUS: ...


def NtQuerySecurityAttributesToken(
    k: Kernel,
    token_handle: HANDLE,
    attributes: Annotated[PVOID, Array(UNICODE_STRING, "number_of_attributes")],
    number_of_attributes: ULONG,
    buffer: PVOID,
    length: ULONG,
    return_length: Out[ULONG],
) -> NTSTATUS: ...


def NtQuerySecurityPolicy(
    k: Kernel,
    policy: In[UNICODE_STRING],
    key_name: In[UNICODE_STRING],
    value_name: In[UNICODE_STRING],
    value_type: ULONG,
    value: PVOID,
    value_size: InOut[ULONG],
) -> NTSTATUS: ...


def NtSetCachedSigningLevel(
    k: Kernel,
    flags: ULONG,
    input_signing_level: UCHAR,
    source_files: Annotated[PVOID, Array(HANDLE, "source_file_count")],
    source_file_count: ULONG,
    target_file: HANDLE,
) -> NTSTATUS: ...


def NtSetCachedSigningLevel2(
    k: Kernel,
    flags: ULONG,
    input_signing_level: UCHAR,
    source_files: Annotated[PVOID, Array(HANDLE, "source_file_count")],
    source_file_count: ULONG,
    target_file: HANDLE,
    cache_information: Annotated[PVOID, Unconverted("SE_SET_FILE_CACHE_INFORMATION")],
) -> NTSTATUS: ...


def NtSetInformationToken(
    k: Kernel,
    token_handle: HANDLE,
    token_information_class: ULONG,
    token_information: PVOID,
    token_information_length: ULONG,
) -> NTSTATUS: ...
