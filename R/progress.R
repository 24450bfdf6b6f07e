# Progress of a run, one line a stage: a bar at a terminal, a finished line elsewhere.

# What the engine calls after every step; NULL where nothing is to be shown. A stage is over with its last step, or
# where it stops before, when the next one begins; its time ends with its last report: what follows may be a wait.
progress_reporter <- function(verbose) {
  if (!verbose) {
    return(NULL)
  }
  reporter <- if (cli::is_dynamic_tty()) bar_reporter() else line_reporter()
  now <- function() proc.time()[["elapsed"]]
  stage <- ""
  last <- 0
  over <- FALSE
  # The first report of a stage comes after its first step, so its time runs from the last stage's end.
  began <- ended <- now()
  reporter$begin()
  report <- function(name, step, total, text) {
    # A stage may come more than once, as for each of some sections.
    if (name != stage || (over && step <= last)) {
      reporter$finish()
      reporter$start(stage_label(name), total)
      stage <<- name
      began <<- ended
    }
    ended <<- now()
    last <<- step
    over <<- step >= total
    reporter$step(step, total, text, ended - began)
    if (over) {
      reporter$finish()
    }
    invisible(NULL)
  }
  structure(report, close = reporter$finish)
}

# A stage that an error or an interrupt ended is shown as that.
close_progress <- function(reporter, failed = FALSE) {
  close <- attr(reporter, "close")
  if (!is.null(close)) close(failed)
}

seconds <- function(spent) sprintf("[%.1f s]", spent)

# A bar that is redrawn in place.
bar_reporter <- function() {
  home <- environment()
  bar <- NULL
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
      # What does not fit a narrow terminal is cut off at the end.
      format = paste(
        "{cli::pb_name}{cli::pb_current}/{cli::pb_total} [{cli::pb_extra$times}]",
        "{cli::pb_bar} {cli::pb_status}"
      ),
      format_done = "{cli::col_green(cli::symbol$tick)} {cli::pb_name}{cli::pb_extra$spent} {cli::pb_status}",
      format_failed = "{cli::col_red(cli::symbol$cross)} {cli::pb_name}{cli::pb_extra$spent} {cli::pb_status}",
      name = label,
      total = total,
      extra = list(times = "", spent = ""),
      clear = FALSE,
      auto_terminate = FALSE,
      .auto_close = FALSE,
      .envir = home
    )
  }
  step <- function(step, total, text, spent) {
    if (is.null(bar)) {
      return()
    }
    left <- spent / max(step, 1) * (total - step)
    cli::cli_progress_update(
      set = step,
      total = total,
      status = text,
      extra = list(times = sprintf("%.0f s, %.0f s left", spent, left), spent = seconds(spent)),
      id = bar,
      force = TRUE,
      .envir = home
    )
  }
  finish <- function(failed = FALSE) {
    if (!is.null(bar)) {
      cli::cli_progress_done(id = bar, .envir = home, result = if (failed) "failed" else "done")
      bar <<- NULL
    }
  }
  list(begin = begin, start = start, step = step, finish = finish)
}

# One line when a stage is over, for logs.
line_reporter <- function() {
  label <- NULL
  last <- ""
  start <- function(text, total) {
    label <<- text
  }
  step <- function(step, total, text, spent) {
    last <<- paste(seconds(spent), text)
  }
  finish <- function(failed = FALSE) {
    if (!is.null(label)) {
      said <- paste(label, last)
      cli::cli_inform(if (failed) c(x = said) else c(v = said))
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
