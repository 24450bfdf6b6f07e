"""The call that makes each result, as the reader of a report would write it."""

from __future__ import annotations

from collections.abc import Mapping

Calls = Mapping[str, str]

PYTHON: Calls = {
    "embed": "sigel.tl.embed(adata)",
    "spatial_genes": "sigel.tl.spatial_genes(adata)",
    "group_stability": "sigel.tl.group_stability(adata)",
    "gene_sets": 'sigel.report.write_report(adata, "report.html", gene_sets="sets.gmt")',
    "domains": "sigel.tl.domains(adata)",
    "domain_stability": "sigel.tl.domain_stability(adata)",
    "disease_genes": 'sigel.report.write_report(adata, "report.html", disease_genes=table)',
}
COMMAND_LINE: Calls = {
    "embed": "sigel embed INPUT -o OUTPUT.h5ad",
    "spatial_genes": "sigel genes INPUT -o OUTPUT.h5ad",
    "group_stability": PYTHON["group_stability"],
    "gene_sets": "sigel report INPUT -o report.html --gene-sets sets.gmt",
    "domains": "sigel domains INPUT -o OUTPUT.h5ad",
    "domain_stability": PYTHON["domain_stability"],
    "disease_genes": "sigel report INPUT -o report.html --disease-genes changes.json",
}
R: Calls = {
    "embed": "RunSIGEL(object)",
    "spatial_genes": "FindSpatialGenes(object)",
    "group_stability": "SigelReport(object, group.stability = FindGeneGroupStability(object))",
    "gene_sets": 'SigelReport(object, gene.sets = "sets.gmt")',
    "domains": "FindSpatialDomains(object)",
    "domain_stability": "SigelReport(object, domain.stability = FindSpatialDomainStability(object))",
    "disease_genes": "SigelReport(object, disease.genes = table)",
}
