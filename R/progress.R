# Progress of a run, one line a stage: a bar at a terminal, a finished line elsewhere.

# What the engine calls after every step; NULL where nothing is to be shown.
progress_reporter <- function(verbose) {
  if (!verbose) {
    return(NULL)
  }
  reporter <- if (cli::is_dynamic_tty()) bar_reporter() else line_reporter()
  stage <- ""
  reporter$begin()
  report <- function(now, step, total, text) {
    if (now != stage) {
      reporter$finish()
      reporter$start(stage_label(now), total)
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
  # What does not fit a narrow terminal is cut off at the end.
  layout <- paste(
    "{cli::pb_name}{cli::pb_current}/{cli::pb_total} [{cli::pb_elapsed}] {cli::pb_eta_str}",
    "{cli::pb_bar} {cli::pb_status}"
  )
  # Until the first stage has made a step.
  begin <- function() {
    bar <<- cli::cli_progress_bar(
      format = "{cli::pb_spin} Preparing",
      total = NA,
      clear = TRUE,
      auto_terminate = FALSE,
      .auto_close = FALSE,
      .envir = home
    )
    cli::cli_progress_update(id = bar, force = TRUE, .envir = home)
  }
  start <- function(label, total) {
    bar <<- cli::cli_progress_bar(
      format = layout,
      format_done = "{cli::col_green(cli::symbol$tick)} {cli::pb_name}[{cli::pb_elapsed}] {cli::pb_status}",
      name = label,
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
  list(begin = begin, start = start, step = step, finish = finish)
}

# One line when a stage is over, for logs. A stage may stop before its last step.
line_reporter <- function() {
  now <- function() proc.time()[["elapsed"]]
  label <- NULL
  # The first report of a stage comes after its first step, so its time runs from the last stage's end.
  began <- ended <- now()
  last <- ""
  start <- function(text, total) {
    label <<- text
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
  list(begin = function() NULL, start = start, step = step, finish = finish)
}

# What people read for a stage is the engine's to say, which runs whenever there is progress to show.
stage_label <- function(stage) {
  the$stages <- the$stages %||% reticulate::py_to_r(sigel_engine()$stages())
  the$stages[[stage]] %||% stage
}
