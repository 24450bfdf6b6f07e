"""Names of groups by the sets that they are rich in."""

from __future__ import annotations

import pandas as pd
import pytest

from sigel.tasks.gene_groups.top_terms import readable, top_terms


@pytest.mark.parametrize(
    ("term", "words"),
    [
        ("HALLMARK_MYC_TARGETS_V1", "MYC targets v1"),
        ("GOBP_SYNAPTIC_SIGNALING", "Synaptic signaling"),
        ("GO:0007272 ensheathment of neurons", "Ensheathment of neurons"),
        ("synaptic signaling (GO:0099536)", "Synaptic signaling"),
        ("Axon guidance_Homo sapiens_R-HSA-422475", "Axon guidance"),
        ("My own set", "My own set"),
        ("mTOR", "MTOR"),
        ("HALLMARK_", "HALLMARK_"),
    ],
)
def test_marks_of_collections_are_left_out(term, words):
    assert readable(term) == words


def test_the_surest_set_names_a_group_and_an_unsure_one_none():
    table = pd.DataFrame(
        {
            "group": ["1", "1", "2", "3", "no pattern"],
            "term": ["b", "a", "c", "d", "e"],
            "pval": [1e-6, 1e-8, 0.04, 1e-9, 1e-9],
            "qval": [1e-4, 1e-6, 0.3, 1e-7, 1e-7],
            "overlap": [8, 9, 3, 1, 9],
        }
    )
    assert top_terms(table) == {"1": "A"}
