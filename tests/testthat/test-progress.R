reports <- function(reporter) {
  reporter("pretrain", 1, 2, "loss 1.500")
  Sys.sleep(1.1)
  reporter("pretrain", 2, 4, "loss 1.250")
  reporter("refine", 1, 1, "loss 0.500")
  # What follows is no part of it.
  Sys.sleep(1.1)
  close_progress(reporter)
}

test_that("progress is a line a stage where nobody looks, in the engine's words, and nothing where none is wanted", {
  skip_if_no_engine()
  withr::local_options(cli.dynamic = FALSE)
  expect_null(progress_reporter(FALSE))
  said <- capture.output(reports(progress_reporter(TRUE)), type = "message")
  expect_length(said, 2L)
  expect_match(said[1], "Module I: masked autoencoder [[]1[.][0-9] s[]] loss 1.250")
  expect_match(said[2], "Modules II and III: groups and refinement [0.", fixed = TRUE)
})

test_that("a terminal shows a bar with the time left, from the beginning", {
  skip_if_no_engine()
  withr::local_options(
    cli.dynamic = TRUE,
    cli.width = 100,
    cli.progress_show_after = 0,
    cli.progress_clear = FALSE
  )
  drawn <- paste(capture.output(reports(progress_reporter(TRUE)), type = "message"), collapse = "\n")
  expect_match(drawn, "Preparing")
  expect_match(drawn, "2/4 [[]1 s, 1 s left[]]")
  # A stage that stops before its last step ends with its last report, too.
  expect_match(drawn, "masked autoencoder [[]1[.][0-9] s[]] loss 1.250")
  expect_match(drawn, "refinement [[]0[.][0-9] s[]] loss 0.500")
})

test_that("a bar is closed with the last step of its stage", {
  skip_if_no_engine()
  withr::local_options(cli.dynamic = TRUE, cli.width = 100, cli.progress_show_after = 0)
  reporter <- progress_reporter(TRUE)
  drawn <- capture.output(reporter("refine", 4, 4, "loss 0.500"), type = "message")
  expect_match(paste(drawn, collapse = "\n"), "refinement [[]0[.][0-9] s[]] loss 0.500")
  expect_no_match(
    paste(capture.output(close_progress(reporter), type = "message"), collapse = ""),
    "refinement"
  )
})

test_that("a stage that an error ends is no success", {
  skip_if_no_engine()
  withr::local_options(cli.unicode = FALSE, cli.num_colors = 1L, cli.width = 100, cli.progress_show_after = 0)
  ended <- function(failed) {
    reporter <- progress_reporter(TRUE)
    reporter("refine", 1, 4, "loss 0.500")
    close_progress(reporter, failed = failed)
  }
  for (dynamic in c(TRUE, FALSE)) {
    withr::local_options(cli.dynamic = dynamic)
    marks <- lapply(c(FALSE, TRUE), function(failed) {
      drawn <- paste(capture.output(ended(failed), type = "message"), collapse = "\n")
      c(done = grepl("v Modules II", drawn), failed = grepl("x Modules II", drawn))
    })
    expect_equal(marks, list(c(done = TRUE, failed = FALSE), c(done = FALSE, failed = TRUE)))
  }
})

test_that("a stage that comes again is shown again", {
  skip_if_no_engine()
  for (dynamic in c(TRUE, FALSE)) {
    withr::local_options(cli.dynamic = dynamic, cli.width = 100, cli.progress_show_after = 0)
    reporter <- progress_reporter(TRUE)
    drawn <- capture.output(type = "message", {
      reporter("test", 1, 1, "genes of one")
      reporter("test", 1, 1, "genes of two")
      close_progress(reporter)
    })
    expect_match(paste(drawn, collapse = "\n"), "genes of one.*genes of two")
  }
})
