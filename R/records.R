# How results were made: the engine says it of each of its answers. What a verb returns has it as its attribute
# `provenance`; what a verb writes into an object has it in the log of commands.

# Parts of it that R adds to what the engine says.
ASKED <- c("result", "call", "finished")

# What a verb made of the engine's answer, with how that was made, and by which call: that of the frame `call`.
with_record <- function(made, answer, call) {
  record <- attr(answer, "record", exact = TRUE)
  if (is.null(record)) {
    return(made)
  }
  # What took long to make is not lost for what is said of it.
  tryCatch(
    {
      record <- dotted(jsonlite::fromJSON(record))
      recorded <- made
      attr(recorded, "provenance") <- c(list(result = "", call = "", finished = Sys.time()), record)
      asked_by(recorded, call)
    },
    error = function(error) {
      why <- conditionMessage(error)
      rlang::warn(
        sprintf("How this result was made could not be kept (%s).", why),
        class = "sigel_warning",
        call = call
      )
      made
    }
  )
}

# The same where another verb asked for it, in whose frame the user's call is.
asked_by <- function(made, frame) {
  record <- attr(made, "provenance", exact = TRUE)
  if (is.list(record)) {
    record$result <- verb_of_frame(frame)
    record$call <- text_of_call(frame)
    attr(made, "provenance") <- record
  }
  made
}

# One result made as another was; as NULL was: nothing is said of it.
made_as <- function(made, other) {
  attr(made, "provenance") <- attr(other, "provenance", exact = TRUE)
  made
}

# The function of the package that a frame is of, whatever it was called by.
verb_of_frame <- function(frame) {
  # The generic, not its method.
  name <- sub("[.].*", "", rlang::call_name(rlang::frame_call(frame)) %||% "")
  own <- getNamespaceExports("sigel")
  if (name %in% own) {
    return(name)
  }
  fn <- rlang::frame_fn(frame)
  Find(function(one) identical(getExportedValue("sigel", one), fn), own) %||%
    if (nzchar(name)) name else "verb"
}

# Verbs that change an object leave their log in it; here with the version of the package, and how what the verb wrote
# was `made`, beside the arguments.
logged <- function(object, made) {
  commands <- methods::slot(object, "commands")
  # A command takes the place of an earlier one of its name.
  last <- which.max(vapply(commands, time_of, double(1L)))
  commands[[last]]@params$sigel <- as.character(utils::packageVersion("sigel"))
  record <- attr(made, "provenance", exact = TRUE)
  if (!is.null(record)) {
    said <- record[!names(record) %in% ASKED]
    said <- jsonlite::toJSON(said, auto_unbox = TRUE, digits = NA)
    commands[[last]]@params$provenance <- as.character(said)
  }
  methods::slot(object, "commands") <- commands
  object
}

time_of <- function(command) as.double(command@time.stamp)

# What is known of how the result of a command was made; nothing for results of earlier versions, but for runs and
# imputed genes.
record_of_command <- function(command, object) {
  kept <- command@params$provenance %||%
    switch(
      verb_of(command),
      RunSIGEL = {
        name <- command@params$reduction.name
        if (name %in% SeuratObject::Reductions(object)) SeuratObject::Misc(object[[name]])$provenance
      },
      ImputeGenes = provenance_of_imputed(object, command@params$assay.name)
    )
  if (!is.null(kept)) dotted(jsonlite::fromJSON(kept))
}

provenance_of_imputed <- function(object, name) {
  if (name %in% SeuratObject::Assays(object)) {
    return(imputation_misc(object[[name]])$provenance)
  }
  SeuratObject::Misc(object, name)$report$provenance
}

verb_of <- function(command) sub("[.].*$", "", command@name)

is_ours <- function(command) {
  verb_of(command) %in% getNamespaceExports("sigel")
}
