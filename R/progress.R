# Progress of a run, one line a stage: a bar at a terminal, a finished line elsewhere.

STAGES <- c(
  images = "Gene images",
  memory = "Memory",
  eigenimages = "Module I: eigenimages",
  pretrain = "Module I: masked autoencoder",
  groups = "Number of groups",
  refine = "Modules II and III: groups and refinement",
  mixture = "Module II: final groups",
  test = "Test of every gene",
  "null images" = "Scores against null images",
  patterns = "Random patterns",
  stability = "Stability of groups",
  impute = "Imputed genes",
  gan = "Generator with a memory",
  windows = "Spots within their windows",
  "number of domains" = "Numbers of domains, in halves",
  domains = "Domains",
  labels = "Labels by the reference",
  "other seeds" = "Domains at other seeds",
  labellings = "Other labellings of the donors",
  surrogates = "Surrogates of each picture",
  "pairs alike" = "Pairs of genes alike"
)

# What the engine calls after every step; NULL where nothing is to be shown.
progress_reporter <- function(verbose) {
  if (!verbose) {
    return(NULL)
  }
  reporter <- if (cli::is_dynamic_tty()) bar_reporter() else line_reporter()
  stage <- ""
  report <- function(now, step, total, text) {
    if (now != stage) {
      reporter$finish()
      reporter$start(now, total)
      stage <<- now
    }
    reporter$step(step, total, text)
    invisible(NULL)
  }
  structure(report, close = reporter$finish)
}

close_progress <- function(reporter) {
  close <- attr(reporter, "close")
  if (!is.null(close)) close()
}

# A bar that is redrawn in place.
bar_reporter <- function() {
  home <- environment()
  bar <- NULL
  layout <- "{cli::pb_name}{cli::pb_bar} {cli::pb_current}/{cli::pb_total} [{cli::pb_elapsed}] {cli::pb_status}"
  start <- function(stage, total) {
    bar <<- cli::cli_progress_bar(
      format = layout,
      format_done = "{cli::col_green(cli::symbol$tick)} {cli::pb_name}[{cli::pb_elapsed}] {cli::pb_status}",
      name = stage_label(stage),
      total = total,
      clear = FALSE,
      auto_terminate = FALSE,
      .auto_close = FALSE,
      .envir = home
    )
  }
  step <- function(step, total, text) {
    cli::cli_progress_update(set = step, total = total, status = text, id = bar, force = TRUE, .envir = home)
  }
  finish <- function() {
    if (!is.null(bar)) {
      cli::cli_progress_done(id = bar, .envir = home)
      bar <<- NULL
    }
  }
  list(start = start, step = step, finish = finish)
}

# One line when a stage is over, for logs. A stage may stop before its last step.
line_reporter <- function() {
  now <- function() proc.time()[["elapsed"]]
  label <- NULL
  # The first report of a stage comes after its first step, so its time runs from the last stage's end.
  began <- ended <- now()
  last <- ""
  start <- function(stage, total) {
    label <<- stage_label(stage)
    began <<- ended
  }
  step <- function(step, total, text) {
    ended <<- now()
    last <<- text
  }
  finish <- function() {
    if (!is.null(label)) {
      cli::cli_inform(c(v = sprintf("%s [%.1f s] %s", label, ended - began, last)))
      label <<- NULL
    }
  }
  list(start = start, step = step, finish = finish)
}

stage_label <- function(stage) if (stage %in% names(STAGES)) STAGES[[stage]] else stage
