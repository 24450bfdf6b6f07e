"""The door that R uses: plain pieces in, plain pieces out, so that reticulate has nothing to guess.

Everything is called by name. Arguments are called as in `sigel.tl`, where they are described. What all share:

- `section`: counts and places of one section in one piece, see `sigel.bridge._pieces.section_of`
- `settings`: nested settings of the config that the function names; unknown ones are errors
- `progress`: called as `progress(stage, step, total, text)`, or None
"""

from sigel.bridge._about import sitrep, stages, version
from sigel.bridge._compare_imputed import compare_imputed
from sigel.bridge._disease_gene import disease_gene
from sigel.bridge._disease_genes import disease_genes
from sigel.bridge._domains import domain_stability, domains, label_domains, select_genes
from sigel.bridge._embed import embed
from sigel.bridge._gene_interactions import gene_interactions
from sigel.bridge._gene_pair import gene_pair
from sigel.bridge._groups import gene_groups, group_enrichment, group_stability
from sigel.bridge._impute import impute
from sigel.bridge._imputed_file import read_imputed
from sigel.bridge._map import gene_map
from sigel.bridge._network import write_network
from sigel.bridge._patterns import pattern_genes
from sigel.bridge._read import read_section
from sigel.bridge._report import report
from sigel.bridge._section import gene_images, simulate, simulate_cohort, simulate_panel
from sigel.bridge._similar import similar_genes
from sigel.bridge._spatial import spatial_genes
from sigel.runtime.foreseen import foreseen

__all__ = [
    "compare_imputed",
    "disease_gene",
    "disease_genes",
    "domain_stability",
    "domains",
    "embed",
    "gene_groups",
    "gene_images",
    "gene_interactions",
    "gene_map",
    "gene_pair",
    "group_enrichment",
    "group_stability",
    "impute",
    "label_domains",
    "pattern_genes",
    "read_imputed",
    "read_section",
    "report",
    "select_genes",
    "similar_genes",
    "simulate",
    "simulate_cohort",
    "simulate_panel",
    "sitrep",
    "spatial_genes",
    "stages",
    "version",
    "write_network",
]

for _name in __all__:
    globals()[_name] = foreseen()(globals()[_name])
