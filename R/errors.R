# Every error says which argument, what was found, what was wanted, and the fix.
sigel_abort <- function(argument, found, wanted, fix, call = rlang::caller_env()) {
  message <- sprintf("`%s`: found %s; wanted %s.", argument, found, wanted)
  rlang::abort(
    c(message, i = fix),
    class = c("sigel_input_error", "sigel_error"),
    argument = argument,
    call = call
  )
}

# A few names in quotes, and how many more there are.
some <- function(x, n = 3L) {
  x <- as.character(x)
  shown <- paste0("\"", utils::head(x, n), "\"", collapse = ", ")
  if (length(x) > n) paste0(shown, " and ", length(x) - n, " more") else shown
}

require_installed <- function(package, why, call = rlang::caller_env()) {
  if (!requireNamespace(package, quietly = TRUE)) {
    rlang::abort(
      c(
        sprintf("%s needs the package %s, which is not installed.", why, package),
        i = sprintf("Run `install.packages(\"%s\")`.", package)
      ),
      class = "sigel_error",
      call = call
    )
  }
}

check_flag <- function(x, argument, call = rlang::caller_env()) {
  if (!is.logical(x) || length(x) != 1L || is.na(x)) {
    sigel_abort(argument, describe(x), "TRUE or FALSE", sprintf("Use `%s = TRUE`.", argument), call)
  }
}

check_string <- function(x, argument, fix, call = rlang::caller_env()) {
  if (!is.character(x) || length(x) != 1L || is.na(x) || !nzchar(x)) {
    sigel_abort(argument, describe(x), "one string", fix, call)
  }
}

check_whole <- function(x, argument, min, call = rlang::caller_env()) {
  ok <- is.numeric(x) && length(x) == 1L && is.finite(x) && x == round(x) && x >= min
  if (!ok) {
    wanted <- sprintf("one whole number, %d or more", min)
    sigel_abort(
      argument,
      describe(x),
      wanted,
      sprintf("Use, for example, `%s = %d`.", argument, max(min, 32L)),
      call
    )
  }
}

# What an unexpected value is, in a few words.
describe <- function(x) {
  if (is.null(x)) {
    return("NULL")
  }
  if (is.atomic(x) && length(x) == 1L) {
    return(deparse(x, nlines = 1L))
  }
  if (isS4(x)) {
    return(sprintf("an object of class %s", class(x)[1L]))
  }
  sprintf("%s of length %d", class(x)[1L], length(x))
}
