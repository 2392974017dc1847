r"""Services on keys: NtCreateKey, NtOpenKey, NtQueryKey, NtEnumerateKey and their like (nt!Cm).

Handles stand for key objects, several of which may stand for one key. The flags KEY_WOW64_64KEY and KEY_WOW64_32KEY
that arrive here are a 64-bit caller's: of a 32-bit one wow64.dll has used them up. Access is granted as asked, for
there are no security descriptors on keys. Who may import it: the simulation, through the service table.
"""

from __future__ import annotations

from wowsim.errors import GuestFault, Unsupported
from wowsim.kernel.access import DELETE
from wowsim.kernel.captured_descriptors import completed, given_descriptor
from wowsim.kernel.context import Kernel
from wowsim.kernel.objects import OBJ_INHERIT, KernelObject
from wowsim.kernel.registry_information import (
    BASIC,
    FULL,
    HANDLE_TAGS,
    NAME,
    NODE,
    answer,
    handle_tags_record,
    key_record,
    probe,
)
from wowsim.kernel.registry_objects import Key, RegistryRoot
from wowsim.kernel.registry_tree import ROOT, KeyNode, components
from wowsim.kernel.table import Support, service
from wowsim.nt.abi import ACCESS_MASK, HANDLE, LARGE_INTEGER, NTSTATUS, PVOID, ULONG, In, Out, load, size_of
from wowsim.nt.registry_structures import (
    KEY_ENUMERATE_SUB_KEYS,
    KEY_QUERY_VALUE,
    KEY_SET_VALUE,
    KEY_WOW64_32KEY,
    KEY_WOW64_VIEWS,
    KEY_WRITE,
    REG_CREATED_NEW_KEY,
    REG_LEGAL_OPTION,
    REG_OPEN_LEGAL_OPTION,
    REG_OPENED_EXISTING_KEY,
    REG_OPTION_CREATE_LINK,
    REG_OPTION_OPEN_LINK,
    REG_OPTION_VOLATILE,
)
from wowsim.nt.registry_views import in_32_bit_view
from wowsim.nt.status import (
    STATUS_INFO_LENGTH_MISMATCH,
    STATUS_INVALID_PARAMETER,
    STATUS_KEY_DELETED,
    STATUS_NO_MORE_ENTRIES,
    STATUS_OBJECT_NAME_COLLISION,
    STATUS_OBJECT_PATH_SYNTAX_BAD,
    STATUS_OBJECT_TYPE_MISMATCH,
    STATUS_SUCCESS,
)
from wowsim.nt.structures import OBJECT_ATTRIBUTES, UNICODE_STRING

OBJ_OPENLINK = 0x100
OBJ_VALID_ATTRIBUTES = 0x1FF2
_SIZE = {width: size_of(OBJECT_ATTRIBUTES, width) for width in (32, 64)}
_SET_CLASSES = (
    "KeyWriteTimeInformation", "KeyWow64FlagsInformation", "KeyControlFlagsInformation",
    "KeySetVirtualizationInformation", "KeySetDebugInformation", "KeySetHandleTagsInformation",
    "KeySetLayerInformation",
)  # fmt: skip


def key_of(k: Kernel, handle: int, access: int = 0) -> KeyNode:
    """The key behind a handle.

    Raises:
        GuestFault: as for every handle, and STATUS_KEY_DELETED.
    """
    node = k.handles.lookup(handle, Key, access).node
    if node.deleted:
        raise GuestFault(STATUS_KEY_DELETED)
    return node


def located(k: Kernel, attributes: OBJECT_ATTRIBUTES, access: int = 0) -> tuple[KeyNode, str]:
    """Where to begin, and the names from there on, in the view that ``access`` asks for."""
    if attributes.Length != _SIZE[k.width] or attributes.Attributes & ~OBJ_VALID_ATTRIBUTES:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    name = k.capture_string(attributes.ObjectName)
    root: KernelObject | None = None
    if attributes.RootDirectory:
        root = k.handles.lookup(attributes.RootDirectory, KernelObject)
        if name.startswith("\\"):
            raise GuestFault(STATUS_OBJECT_PATH_SYNTAX_BAD)
    found, rest = k.namespace.resolve(name, root)
    if isinstance(found, Key):
        if found.node.deleted:
            raise GuestFault(STATUS_KEY_DELETED)
        start = found.node
    elif isinstance(found, RegistryRoot):
        start = k.registry.root
    else:
        raise GuestFault(STATUS_OBJECT_TYPE_MISMATCH)
    return _in_view(k, start, rest, access)


def _in_view(k: Kernel, start: KeyNode, rest: str, access: int) -> tuple[KeyNode, str]:
    """The same place, or where the 32-bit view has it when a 64-bit caller asks for that view."""
    views = access & KEY_WOW64_VIEWS
    if not k.build.wow64 or not views:
        return start, rest
    if views == KEY_WOW64_VIEWS:
        raise GuestFault(STATUS_INVALID_PARAMETER)
    if views != KEY_WOW64_32KEY:
        return start, rest
    other = in_32_bit_view(f"{start.path}\\{rest}", k.build.merged_views)
    return (start, rest) if other is None else (k.registry.root, other[len(ROOT) + 1 :])


def _opened(
    k: Kernel, node: KeyNode, access: int, attributes: OBJECT_ATTRIBUTES, handle: Out[HANDLE]
) -> None:
    key = Key(node)
    try:
        handle.set(HANDLE(k.handles.insert(key, access, attributes.Attributes & OBJ_INHERIT)))
    except GuestFault:
        key.last_handle_closed()
        raise


def _open(
    k: Kernel, handle: Out[HANDLE], desired_access: int, attributes: OBJECT_ATTRIBUTES, options: int
) -> NTSTATUS:
    if options & ~REG_OPEN_LEGAL_OPTION:
        return STATUS_INVALID_PARAMETER
    start, path = located(k, attributes, desired_access)
    open_link = bool(options & REG_OPTION_OPEN_LINK or attributes.Attributes & OBJ_OPENLINK)
    node = k.registry.find(start, path, open_link=open_link)
    access = Key.mapping.grant(desired_access & ~KEY_WOW64_VIEWS)
    _opened(k, node, access, attributes, handle)
    return STATUS_SUCCESS


# ---------------------------------------------------------------- create, open, delete
@service(Support.FULL)
def NtCreateKey(
    k: Kernel,
    key_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    title_index: ULONG,
    class_: In[UNICODE_STRING] | None,
    create_options: ULONG,
    disposition: Out[ULONG] | None,
) -> NTSTATUS:
    """Open a key, or make it; all but the last component must exist."""
    if create_options & ~REG_LEGAL_OPTION:
        return STATUS_INVALID_PARAMETER
    class_name = "" if class_ is None else k.text_of(class_)
    given = given_descriptor(k, object_attributes)
    start, path = located(k, object_attributes, desired_access)
    *above, last = components(path) or [""]
    parent = k.registry.find(start, "\\".join(above)) if above or start.link else start
    access = Key.mapping.grant(desired_access & ~KEY_WOW64_VIEWS)
    node, outcome = parent.child(last) if last else parent, REG_OPENED_EXISTING_KEY
    if node is not None:
        if create_options & REG_OPTION_CREATE_LINK:
            return STATUS_OBJECT_NAME_COLLISION
        open_link = bool(create_options & REG_OPTION_OPEN_LINK or object_attributes.Attributes & OBJ_OPENLINK)
        node = k.registry.find(node, "", open_link=open_link)
    else:
        outcome = REG_CREATED_NEW_KEY
        node = k.registry.add(
            parent,
            last,
            volatile=bool(create_options & REG_OPTION_VOLATILE),
            class_name=class_name,
            link=bool(create_options & REG_OPTION_CREATE_LINK),
        )
        node.security = None if given is None else completed(k, given, Key.mapping)
    _opened(k, node, access, object_attributes, key_handle)
    if disposition is not None:
        disposition.set(ULONG(outcome))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtOpenKey(
    k: Kernel, key_handle: Out[HANDLE], desired_access: ACCESS_MASK, object_attributes: In[OBJECT_ATTRIBUTES]
) -> NTSTATUS:
    """Open a key that exists."""
    return _open(k, key_handle, desired_access, object_attributes, 0)


@service(Support.FULL)
def NtOpenKeyEx(
    k: Kernel,
    key_handle: Out[HANDLE],
    desired_access: ACCESS_MASK,
    object_attributes: In[OBJECT_ATTRIBUTES],
    open_options: ULONG,
) -> NTSTATUS:
    """Open a key that exists, or a symbolic link itself."""
    return _open(k, key_handle, desired_access, object_attributes, open_options)


@service(Support.FULL)
def NtDeleteKey(k: Kernel, key_handle: HANDLE) -> NTSTATUS:
    """Delete a key without subkeys; its handles stay open and are good for nothing but NtClose."""
    k.registry.delete(key_of(k, key_handle, DELETE))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtRenameKey(k: Kernel, key_handle: HANDLE, new_name: In[UNICODE_STRING]) -> NTSTATUS:
    """Change the last component of a key's name."""
    node = key_of(k, key_handle, KEY_WRITE)
    k.registry.rename(node, k.text_of(new_name))
    return STATUS_SUCCESS


@service(Support.FULL)
def NtFlushKey(k: Kernel, key_handle: HANDLE) -> NTSTATUS:
    """Write a hive to disk: ours is in memory, so all is where it belongs."""
    key_of(k, key_handle)
    return STATUS_SUCCESS


# ---------------------------------------------------------------- queries
@service(Support.FULL)
def NtQueryKey(
    k: Kernel,
    key_handle: HANDLE,
    key_information_class: ULONG,
    key_information: PVOID,
    length: ULONG,
    result_length: Out[ULONG],
) -> NTSTATUS:
    """What a key is; its name and its handle's tags need no right (WDK, ZwQueryKey)."""
    probe(k, key_information, length)
    if key_information_class == HANDLE_TAGS:
        record = handle_tags_record(k.handles.lookup(key_handle, Key).tags)
    else:
        access = 0 if key_information_class == NAME else KEY_QUERY_VALUE
        record = key_record(key_of(k, key_handle, access), key_information_class)
    return answer(k, record, key_information, length, result_length)


@service(Support.FULL)
def NtEnumerateKey(
    k: Kernel,
    key_handle: HANDLE,
    index: ULONG,
    key_information_class: ULONG,
    key_information: PVOID,
    length: ULONG,
    result_length: Out[ULONG],
) -> NTSTATUS:
    """The subkey at a place in the order of names; basic, node or full."""
    probe(k, key_information, length)
    if key_information_class not in (BASIC, NODE, FULL):
        return STATUS_INVALID_PARAMETER
    child = key_of(k, key_handle, KEY_ENUMERATE_SUB_KEYS).child_at(index)
    if child is None:
        return STATUS_NO_MORE_ENTRIES
    return answer(k, key_record(child, key_information_class), key_information, length, result_length)


@service(Support.PARTIAL, "keys, not values, of one hive; counts openings below the key")
def NtQueryOpenSubKeys(k: Kernel, target_key: In[OBJECT_ATTRIBUTES], handle_count: Out[ULONG]) -> NTSTATUS:
    """How many keys below a hive's root are open; what is no hive gives STATUS_INVALID_PARAMETER (unverified)."""
    top = k.registry.find(*located(k, target_key))
    if not top.is_hive:
        return STATUS_INVALID_PARAMETER
    count, waiting = 0, top.children()
    while waiting:
        node = waiting.pop()
        count += node.opens
        waiting += node.children()
    handle_count.set(ULONG(count))
    return STATUS_SUCCESS


@service(Support.PARTIAL, "classes 0-3 and 5")
def NtSetInformationKey(
    k: Kernel,
    key_handle: HANDLE,
    key_set_information_class: ULONG,
    key_set_information: PVOID,
    key_set_information_length: ULONG,
) -> NTSTATUS:
    """Set a key's write time, its flags, or its handle's tags."""
    asked = key_set_information_class
    if asked >= len(_SET_CLASSES):
        return STATUS_INVALID_PARAMETER
    if asked in (4, 6):
        raise Unsupported(f"NtSetInformationKey({_SET_CLASSES[asked]}) is not implemented")
    kind = LARGE_INTEGER if asked == 0 else ULONG
    if key_set_information_length != (8 if asked == 0 else 4):
        return STATUS_INFO_LENGTH_MISMATCH
    value = load(k.memory, key_set_information, kind, k.width)
    if asked == 5:
        k.handles.lookup(key_handle, Key).tags = value
        return STATUS_SUCCESS
    node = key_of(k, key_handle, KEY_SET_VALUE)
    if asked == 0:
        node.last_write = value
    else:
        node.flags[asked - 1] = value
    return STATUS_SUCCESS
