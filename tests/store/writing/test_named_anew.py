"""Signals that are appended to a group bring the version of the names that they have."""

from dataclasses import replace

from gnssice_batch.model.template import grown_axis
from gnssice_batch.signals import MAPPING_VERSION
from gnssice_batch.store.writing.structure import _named_anew, _Stored
from tests.support.templates import template


def test_only_where_there_are_any_and_the_group_tells_a_version():
    made = template()
    stored = _Stored(made.grid, made.axis.sids, joins=True)
    kept = replace(made, attributes={"mapping_version": f"before {MAPPING_VERSION}"})
    grown = replace(kept, axis=grown_axis(made.axis, ["E09|E1|C"]))
    assert _named_anew(stored, grown) == {"mapping_version": MAPPING_VERSION}
    assert _named_anew(stored, kept) == {}
    assert _named_anew(stored, replace(grown, attributes={})) == {}
