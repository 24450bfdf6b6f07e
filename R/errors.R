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
    c(message, i = if (nzchar(fix)) fix),
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

# Other names Seurat would change on the way.
check_plain_name <- function(name, argument, call) {
  if (make.names(name) != name) {
    fix <- sprintf("Use `%s = \"%s\"`.", argument, make.names(name))
    sigel_abort(argument, describe(name), "a name of letters, digits, dots and underscores", fix, call)
  }
}

check_whole <- function(x, argument, min, example = min, call = rlang::caller_env()) {
  ok <- is.numeric(x) && length(x) == 1L && is.finite(x) && x == round(x) && x >= min
  if (!ok) {
    wanted <- sprintf("one whole number, %d or more", min)
    sigel_abort(
      argument,
      describe(x),
      wanted,
      sprintf("Use, for example, `%s = %d`.", argument, example),
      call
    )
  }
}

# Refusals inside `code` show the call that the user wrote.
speaking_for <- function(call, code) {
  tryCatch(code, sigel_error = function(error) {
    error$call <- rlang::frame_call(call)
    # The generic, not its method.
    error$call[[1L]] <- as.name(sub("[.].*", "", rlang::call_name(error$call)))
    rlang::cnd_signal(error)
  })
}

# Arguments that a function does not know, with the nearest that it does.
check_no_dots <- function(..., known, call = rlang::caller_env()) {
  given <- rlang::names2(rlang::enquos(...))
  if (!length(given)) {
    return(invisible())
  }
  named <- given[nzchar(given)]
  if (!length(named)) {
    sigel_abort("...", "an argument without a name", "named arguments", "Name it.", call)
  }
  known <- setdiff(known, "...")
  distance <- drop(utils::adist(named[1L], known, ignore.case = TRUE))
  fix <- if (min(distance) <= 3L) {
    sprintf("Did you mean `%s`?", known[which.min(distance)])
  } else {
    sprintf("The arguments are %s.", toString(known))
  }
  sigel_abort("...", sprintf("an unknown argument `%s`", named[1L]), "arguments of the function", fix, call)
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
