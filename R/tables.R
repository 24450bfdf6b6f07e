# The engine's tables as R's, and tables of genes as feature metadata.

# A data frame from the columns that the engine returns as lists; one without rows keeps its columns.
engine_table <- function(columns) {
  columns <- lapply(columns, function(column) {
    column <- if (length(column)) unlist(column) else character()
    if (is.numeric(column)) replace(column, is.nan(column), NA) else column
  })
  data.frame(columns, check.names = FALSE, stringsAsFactors = FALSE)
}

# The engine's answer as a data frame by rank, genes without an answer last.
as_gene_table <- function(result, columns) {
  table <- engine_table(result[c("gene", columns)])
  table$rank <- as.integer(table$rank)
  rownames(table) <- table$gene
  table[order(table$rank), , drop = FALSE]
}

group_table <- function(columns) {
  table <- engine_table(columns)
  table$group <- as_group(as.character(table$group))
  table
}
