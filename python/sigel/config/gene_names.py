"""Names of what is counted with genes and follows no tissue; `_` may stand as `-`, as Seurat writes it."""

from __future__ import annotations

# Of 13 proteins and two ribosomal RNAs, human and mouse.
_HUMAN = (
    "198888|198763|198804|198712|228253|198899|198938|198840|212907|198886|198786|198695|198727|211459|210082"
)
_MOUSE = (
    "064341|064345|064351|064354|064356|064357|064358|064360|065947|064363|064367|064368|064370|064337|064339"
)

# Mitochondrial genes follow cell quality rather than place: MT-CO1, mt-Co1, mt:CoI, MT.CO1, GRCh38_MT-CO1, or
# by their Ensembl identifiers.
MITOCHONDRIAL = (
    r"^((GRCh|GRCm|hg|mm|mRatBN|BDGP)\d[\d.]*[-_]+)?(MT|Mt|mt)[-:.]"
    rf"|^(ENSG00000({_HUMAN})|ENSMUSG00000({_MOUSE}))(\.\d+)?$"
)
# ERCC spike-ins carry no tissue at all.
SPIKE_IN = r"^ERCC[-_]?\d+$"
# Probes and codewords that show the noise of Xenium, CosMx, MERSCOPE and GeoMx.
CONTROL = (
    r"^(NegControl(Probe|Codeword)|NegPrb|NegProbe|Negative[-_]?\d|SystemControl|FalseCode"
    r"|(Unassigned|Deprecated)Codeword|Intergenic[-_]Region|antisense[-_])"
    r"|^[Bb](lank|LANK)[-_ ]?\d+$"
)
