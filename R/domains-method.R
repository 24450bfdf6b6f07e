# How spots are clustered: a method that the engine knows by name, or a function of R that it calls back.

# One of the methods by name, or a function; whether R has what it needs.
domain_method <- function(method, model.name, call) {
  if (is.function(method)) {
    return(method)
  }
  method <- check_choice(method, eval(formals(FindSpatialDomains.default)$method), "method", call)
  if (method == "mclust") {
    require_installed("mclust", "`method = \"mclust\"`", call)
    check_string(model.name, "model.name", "Use `model.name = \"EEE\"`.", call)
    known <- getExportedValue("mclust", "mclust.options")("emModelNames")
    if (!model.name %in% known) {
      fix <- "Use `model.name = \"EEE\"`."
      sigel_abort("model.name", describe(model.name), paste("one of", some(known, 20L)), fix, call)
    }
  }
  method
}

# The method as it crosses to the engine (`way`), and what is known after it ran (`state`, an environment): `labels` and
# `posterior` of its last run, `error` where it failed. Its runs take one of `seeds` after the other. In R mclust is
# called by R itself.
method_of_engine <- function(method, model.name, seeds) {
  state <- new.env(parent = emptyenv())
  if (identical(method, "mclust")) {
    state$runs <- 0L
    method <- function(features, n.domains) {
      state$runs <- state$runs + 1L
      fitted <- fit_mclust(features, n.domains, model.name, seeds[min(state$runs, length(seeds))])
      state$posterior <- fitted$z
      fitted$classification
    }
  }
  if (!is.function(method)) {
    return(list(way = method, state = state))
  }
  run <- function(features, n.domains) {
    # Python would pass on the message alone.
    tryCatch(
      {
        labels <- as_method_labels(method(features, n.domains), nrow(features))
        state$labels <- labels
        as_vector(labels)
      },
      error = function(error) {
        state$error <- error
        stop(error)
      }
    )
  }
  list(way = reticulate::r_to_py(run, convert = TRUE), state = state)
}

# Ask the engine; where it failed because the method did, that is what is said.
with_method <- function(state, call, code) {
  # A call of Python that calls R back puts R's random numbers where the callback left them, whatever that restored.
  ask <- if (is.null(state$runs)) identity else function(code) with_own_seed(0, code)
  tryCatch(ask(code), sigel_error = function(error) {
    if (is.null(state$error)) {
      rlang::cnd_signal(error)
    }
    if (!is.null(state$runs)) {
      speaking_for(call, rlang::cnd_signal(state$error))
    }
    sigel_abort(
      "method",
      sprintf("a failure: %s", sub("[.]?\n.*", "", conditionMessage(state$error))),
      "a label for each spot",
      "Try it by itself, on the embeddings of the reduction that another method left.",
      call
    )
  })
}

# Labels of any kind as whole numbers, one for each spot.
as_method_labels <- function(labels, n) {
  if (!is.atomic(labels) || length(labels) != n || anyNA(labels)) {
    missing <- if (is.atomic(labels) && anyNA(labels)) " with missing values" else ""
    stop(sprintf("it returned %s%s for %d spots", describe(labels), missing, n), call. = FALSE)
  }
  labels <- as.character(labels)
  match(labels, unique(labels)) - 1L
}

# Mclust() looks its helpers up where it is called from, and there mclust need not be attached.
fit_mclust <- function(features, n.domains, model.name, seed) {
  inside <- new.env(parent = asNamespace("mclust"))
  inside$features <- features
  inside$n.domains <- as.integer(n.domains)
  inside$model.name <- model.name
  fitting <- quote(Mclust(features, G = n.domains, modelNames = model.name, verbose = FALSE))
  why <- NULL
  fitted <- tryCatch(with_own_seed(seed, eval(fitting, inside)), error = function(error) {
    why <<- sprintf(" (%s)", conditionMessage(error))
    NULL
  })
  if (is.null(fitted)) {
    found <- sprintf("no %s mixture of %d domains%s", model.name, inside$n.domains, why %||% "")
    simpler <- setdiff(SIMPLE_MODELS, model.name)
    fix <- sprintf("Try fewer domains, or a model of fewer parameters: %s.", some(simpler))
    sigel_abort("model.name", found, "one that mclust can fit", fix)
  }
  fitted
}

# Models of few parameters, to be tried where another cannot be fitted.
SIMPLE_MODELS <- c("EEE", "EEI", "EII")

# How sure mclust is of each spot; NA for spots that refinement moved, as their label's domain is another one.
sureness <- function(state, domain) {
  from <- match(levels(domain)[apply(table(state$labels, domain), 1L, which.max)], levels(domain))
  moved <- from[state$labels + 1L] != as.integer(domain)
  replace(apply(state$posterior, 1L, max), moved, NA)
}
