# Every error says which argument, what was found, what was wanted, and the fix, where the rest does not say it.
sigel_abort <- function(
  argument,
  found,
  wanted,
  fix,
  call = rlang::caller_env(),
  shown = sprintf("`%s`", argument)
) {
  message <- sprintf("%s: found %s; wanted %s.", shown, found, wanted)
  rlang::abort(
    in_words_of_object(c(message, i = if (nzchar(fix)) fix)),
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

# A number of things in words: 1 gene, 2 genes.
number_of <- function(n, one) paste0(format(n, scientific = FALSE), " ", one, if (n != 1) "s")

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

# Refusals and warnings inside `code` show the call that the user wrote, and so does what says how a result was made;
# `told`: warnings that were given of its section before.
speaking_for <- function(call, code, told = NULL) {
  if (!is.null(told)) {
    before <- options(sigel.told = told)
    on.exit(options(before))
  }
  of_user <- function(condition) {
    condition$call <- rlang::frame_call(call)
    name <- rlang::call_name(condition$call)
    if (!is.null(name)) {
      # The generic, not its method.
      condition$call[[1L]] <- as.name(sub("[.].*", "", name))
    }
    condition
  }
  made <- tryCatch(
    withCallingHandlers(code, sigel_warning = function(warned) {
      warning(of_user(warned))
      tryInvokeRestart("muffleWarning")
    }),
    sigel_error = function(error) rlang::cnd_signal(of_user(error))
  )
  asked_by(made, call)
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
