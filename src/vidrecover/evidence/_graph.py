"""A small CASE/UCO graph of a package: source, tool, actions, files and where they come from.

Plain JSON-LD with its context inside, for `case_validate --built-version case-1.5.0`. The rules
it keeps were found by negative tests: every node has an IRI that ends in a UUID, hash words and
statuses are the vocabulary's, dates and digests are typed. [A: evidence-export.md section 4]
One data range for each clip; the list of all runs is `fragments.csv`, itself in the graph.
"""

import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import msgspec

from vidrecover.evidence import _tables as tables
from vidrecover.evidence._records import SourceRecord
from vidrecover.evidence._values import AccessCopy, Contents, Derived, Exhibit, Stored
from vidrecover.model import Grade

Node = dict[str, Any]

_SPACE = uuid.UUID("6f1b0c1e-5a0d-5e7c-9d0b-76696472656b")
_UCO = "https://ontology.unifiedcyberontology.org/uco/"
CONTEXT = {
    "kb": "http://example.org/kb/",
    "vr": "http://example.org/ns/vidrecover/",
    "inv": "https://ontology.caseontology.org/case/investigation/",
    "action": f"{_UCO}action/",
    "core": f"{_UCO}core/",
    "identity": f"{_UCO}identity/",
    "obs": f"{_UCO}observable/",
    "tool": f"{_UCO}tool/",
    "types": f"{_UCO}types/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
_METHODS = {"md5": "MD5", "sha1": "SHA1", "sha256": "SHA256"}


def graph(
    contents: Contents,
    source: SourceRecord,
    actions: Sequence[Mapping[str, Any]],
    files: Iterable[Stored],
) -> bytes:
    """`case.jsonld`; files: all payload files but this one and the log of actions.

    Nothing but its arguments goes in, so that it can be made again and compared.
    """
    kept = _Names(contents)
    nodes = [*_circumstances(kept, contents, source, actions)]
    described = set()
    for one in contents.exhibits:
        nodes += _exhibit(kept, one, contents.exhibit)
        described |= {one.file, *(copy.file for copy in one.access)}
        described |= {it.file for copy in one.access for it in copy.derived}
    others = sorted((one for one in files if one.file not in described), key=lambda one: one.file)
    nodes += [_file(kept, "record", one.file, one.file, one.size, one.sha256) for one in others]
    document = {"@context": CONTEXT, "@graph": nodes}
    return msgspec.json.format(msgspec.json.encode(document), indent=1) + b"\n"


class _Names:
    """Names of nodes, by case, exhibit, kind and key alone."""

    def __init__(self, contents: Contents) -> None:
        self._base = f"{contents.case}\0{contents.exhibit}"

    def of(self, kind: str, key: str) -> str:
        """The name of a node."""
        whole = f"{self._base}\0{kind}\0{key}"
        return f"kb:{kind}-{uuid.uuid5(_SPACE, whole)}"

    def to(self, kind: str, key: str) -> Node:
        """A reference to a node."""
        return {"@id": self.of(kind, key)}

    def node(self, kind: str, key: str, types: str | list[str], more: Node) -> Node:
        """A node with its name and types."""
        return {**self.to(kind, key), "@type": types, **more}

    def digest(self, key: str, value: str, method: str) -> Node:
        """A hash as a node."""
        typed = {"@type": "xsd:hexBinary", "@value": value}
        return self.node(
            "hash",
            f"{key}\0{method}",
            "types:Hash",
            {"types:hashMethod": method, "types:hashValue": typed},
        )


def _circumstances(
    kept: _Names, contents: Contents, source: SourceRecord, actions: Sequence[Mapping[str, Any]]
) -> Iterator[Node]:
    """Tool, source, performer, investigation and actions, each informed by the one before."""
    tool = {"core:name": "vidrecover", "tool:version": contents.tool}
    yield kept.node("tool", "", "tool:AnalyticTool", tool)
    yield _source(kept, source)
    person = {"core:name": contents.operator or "not named"}
    yield kept.node("person", "", "identity:Person", person)
    about = [kept.to("action", str(place)) for place in range(len(actions))]
    investigation = {
        "core:name": contents.case,
        "inv:investigationForm": "incident",
        "core:object": [*about, kept.to("source", "")],
    }
    yield kept.node("investigation", "", "inv:Investigation", investigation)
    for place, one in enumerate(actions):
        yield kept.node("action", str(place), "inv:InvestigativeAction", {
            "core:name": str(one.get("action")),
            "action:endTime": _time(str(one.get("at"))),
            "action:performer": kept.to("person", ""),
            "action:instrument": [kept.to("tool", "")],
            "action:object": [kept.to("source", "")],
            **({"inv:wasInformedBy": [about[place - 1]]} if place else {}),
            **(_results(kept, contents) if place == len(actions) - 1 else {}),
        })  # fmt: skip


def _results(kept: _Names, contents: Contents) -> Node:
    found = [kept.to(kind, one.clip) for one in contents.exhibits for kind in ("file", "exhibit")]
    return {"action:result": found} if found else {}


def _time(text: str) -> Node:
    return {"@type": "xsd:dateTime", "@value": text.replace("+00:00", "Z")}


def _source(kept: _Names, source: SourceRecord) -> Node:
    hashes = source.image_hash if isinstance(source.image_hash, dict) else {}
    known = [(_METHODS[name], value) for name, value in sorted(hashes.items()) if name in _METHODS]
    content: Node = {"obs:sizeInBytes": source.size}
    if known:
        content["obs:hash"] = [kept.digest("source", value, method) for method, value in known]
    facets = [kept.node("facet", "source", "obs:ContentDataFacet", content)]
    if source.model or source.serial:
        device = {"obs:model": source.model, "obs:serialNumber": source.serial}
        stated = {name: value for name, value in device.items() if value}
        facets.append(kept.node("facet", "device", "obs:DeviceFacet", stated))
    named = {"core:name": source.name, "core:hasFacet": facets}
    return kept.node("source", "", "obs:Image", named)


def _exhibit(kept: _Names, one: Exhibit, root: str) -> Iterator[Node]:
    """Master, its place on the source, its access copies, its number."""
    name = one.file or f"{one.clip}.{one.format}"
    yield _file(kept, "file", one.clip, name, one.size, one.sha256, {
        "vr:channel": "unknown" if one.channel is None else one.channel,
        "vr:codec": one.codec,
        "vr:frames": one.frames,
        "vr:fragments": one.fragments,
    }, recovered=_status(one))  # fmt: skip
    spread = {"obs:rangeOffset": one.first, "obs:rangeSize": one.end - one.first}
    yield kept.node("relationship", one.clip, "obs:ObservableRelationship", {
        "core:source": kept.to("file", one.clip),
        "core:target": kept.to("source", ""),
        "core:kindOfRelationship": "Contained_Within",
        "core:isDirectional": True,
        "vr:places": one.places,
        "core:hasFacet": [kept.node("range", one.clip, "obs:DataRangeFacet", spread)],
    })  # fmt: skip
    copies = one.access if one.file is not None else ()
    for copy in copies:
        yield from _copy(kept, one, copy)
        for derived in copy.derived:
            yield from _derived(kept, copy, derived)
    number = {
        "inv:exhibitNumber": one.exhibit,
        "inv:rootExhibitNumber": root,
        "core:object": [
            kept.to("file", one.clip),
            *(kept.to("copy", copy.file) for copy in copies),
        ],
    }
    yield kept.node("exhibit", one.clip, "inv:ProvenanceRecord", number)


def _copy(kept: _Names, one: Exhibit, copy: AccessCopy) -> Iterator[Node]:
    more = {"vr:frames": copy.frames, "vr:grade": copy.grade.value, "vr:codec": copy.codec}
    yield _file(kept, "copy", copy.file, copy.file, copy.size, copy.sha256, more)
    yield kept.node("relationship", copy.file, "obs:ObservableRelationship", {
        "core:source": kept.to("copy", copy.file),
        "core:target": kept.to("file", one.clip),
        "core:kindOfRelationship": "Derived_From",
        "core:isDirectional": True,
    })  # fmt: skip


def _derived(kept: _Names, copy: AccessCopy, one: Derived) -> Iterator[Node]:
    """A still or a proxy, and what it was made of."""
    yield _file(kept, "derived", one.file, one.file, one.size, one.sha256, {
        "vr:derived": f"{one.kind.value}, encoded anew, not evidence",
        "vr:place_ms": one.at_ms,
    })  # fmt: skip
    yield kept.node("relationship", one.file, "obs:ObservableRelationship", {
        "core:source": kept.to("derived", one.file),
        "core:target": kept.to("copy", copy.file),
        "core:kindOfRelationship": "Derived_From",
        "core:isDirectional": True,
    })  # fmt: skip


def _status(one: Exhibit) -> str:
    whole = all(copy.grade is Grade.COMPLETE for copy in one.access)
    return "recovered" if whole and not one.left_out else "partially recovered"


def _file(
    kept: _Names,
    kind: str,
    key: str,
    name: str,
    size: int,
    sha256: str,
    more: Node | None = None,
    *,
    recovered: str | None = None,
) -> Node:
    path = PurePosixPath(name)
    about = f"{kind} {key}"
    named = {"obs:fileName": path.name, "obs:filePath": name, "obs:sizeInBytes": size}
    digest = {"obs:hash": [kept.digest(about, sha256, "SHA256")]}
    facets = [
        kept.node("facet", f"{about} name", "obs:FileFacet", named),
        kept.node("facet", f"{about} content", "obs:ContentDataFacet", digest),
    ]
    types = ["obs:File"]
    if recovered is not None:
        types.append("obs:RecoveredObject")
        status = {"obs:contentRecoveredStatus": recovered}
        facets.append(kept.node("facet", f"{about} status", "obs:RecoveredObjectFacet", status))
    return kept.node(kind, key, types, {**(more or {}), "core:hasFacet": facets})


UNREADABLE = ["the whole graph"]
"""What `unlike` says of a graph that is none."""
EMPTY = b'{"@graph":[]}'


def unlike(one: bytes, other: bytes) -> list[str]:
    """Names of the nodes in which two graphs differ, at most twenty; or that one is none."""
    try:
        documents = [msgspec.json.decode(text, type=_Document) for text in (one, other)]
    except tables.UNREADABLE:
        return UNREADABLE
    first, second = ({str(node.get("@id")): node for node in it.graph} for it in documents)
    unequal = [name for name in first | second if first.get(name) != second.get(name)]
    return [_called((second.get(name) or first[name]), name) for name in unequal[:20]]


def digests(graph: bytes) -> dict[str, str]:
    """SHA-256 by path of the files in a graph; empty when it is none."""
    try:
        nodes = msgspec.json.decode(graph, type=_Document).graph
    except tables.UNREADABLE:
        return {}
    found: dict[str, str] = {}
    for node in nodes:
        facets = node.get("core:hasFacet")
        both: Node = {}
        for facet in facets if isinstance(facets, list) else []:
            both |= facet if isinstance(facet, dict) else {}
        try:
            found[both["obs:filePath"]] = both["obs:hash"][0]["types:hashValue"]["@value"]
        except (KeyError, IndexError, TypeError):
            continue
    return found


class _Document(msgspec.Struct):
    graph: list[Node] = msgspec.field(name="@graph")


def _called(node: Node, name: str) -> str:
    """What a node is about, for people."""
    facets = node.get("core:hasFacet")
    for facet in facets if isinstance(facets, list) else []:
        if isinstance(facet, dict) and "obs:filePath" in facet:
            return str(facet["obs:filePath"])
    return str(node.get("core:name", name))
