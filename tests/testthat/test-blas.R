is_reference_blas <- getFromNamespace("is_reference_blas", "sigel")

test_that("a reference BLAS is told from an optimised one", {
  slow <- c(
    "/usr/lib/x86_64-linux-gnu/blas/libblas.so.3.11.0",
    "/usr/lib/R/lib/libRblas.so",
    "/usr/lib64/libblas.so.3"
  )
  fast <- c(
    "/usr/lib/x86_64-linux-gnu/openblas-openmp/libblas.so.3",
    "/usr/lib/x86_64-linux-gnu/openblas-pthread/libopenblasp-r0.3.21.so",
    "/opt/intel/mkl/lib/libmkl_rt.so",
    "/usr/lib/x86_64-linux-gnu/blis-openmp/libblas.so.4",
    ""
  )
  expect_true(all(vapply(slow, is_reference_blas, logical(1L), system = "Linux")))
  expect_false(any(vapply(fast, is_reference_blas, logical(1L), system = "Linux")))
  expect_false(is_reference_blas("/Library/Frameworks/R.framework/Resources/lib/libRblas.dylib", "Darwin"))
})

test_that("the warning comes once and says what to install", {
  the <- getFromNamespace("the", "sigel")
  warned <- the$blas_warned
  withr::defer(the$blas_warned <- warned)
  the$blas_warned <- NULL
  warn_slow_blas <- getFromNamespace("warn_slow_blas", "sigel")
  path <- "/usr/lib/R/lib/libRblas.so"
  skip_on_os(c("windows", "mac", "solaris"))
  expect_warning(warn_slow_blas(path), "libopenblas0-openmp", class = "sigel_slow_blas")
  expect_silent(warn_slow_blas(path))
})
