reports <- function(reporter) {
  reporter("pretrain", 1, 2, "loss 1.500")
  Sys.sleep(1.1)
  reporter("pretrain", 2, 4, "loss 1.250")
  reporter("refine", 1, 1, "loss 0.500")
  close_progress(reporter)
}

test_that("progress is a line a stage where nobody looks, in the engine's words, and nothing where none is wanted", {
  skip_if_no_engine()
  withr::local_options(cli.dynamic = FALSE)
  expect_null(progress_reporter(FALSE))
  said <- capture.output(reports(progress_reporter(TRUE)), type = "message")
  expect_length(said, 2L)
  expect_match(said[1], "Module I: masked autoencoder [[]1[.][0-9] s[]] loss 1.250")
  expect_match(said[2], "Modules II and III: groups and refinement", fixed = TRUE)
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
  expect_match(drawn, "2/4 [[]1[.][0-9]s[]] ETA:")
  expect_match(drawn, "refinement")
})
