# Pictures of the tissue for a Seurat object: as the platform left them, else drawn from the places of the spots.

# An object with a picture of each of its samples: `name` is that of the only one.
add_pictures <- function(object, pieces, assay, name, image, call) {
  image <- kind_of_picture(image, pieces$lattice, call)
  places <- pieces$coordinates %||% pieces$lattice[, 2:1]
  rownames(places) <- colnames(object)
  samples <- unlist(pieces$sample)
  # Of one sample the picture has the name that it has in simulated sections.
  told <- as.list(pieces$pictures)
  if (is.null(samples)) {
    names(told) <- rep(name, length(told))
  }
  samples <- samples %||% rep(name, ncol(object))
  for (sample in unique(samples)) {
    cells <- samples == sample
    of_sample <- list(
      places = places[cells, , drop = FALSE],
      lattice = pieces$lattice[cells, , drop = FALSE],
      assay = assay,
      key = paste0(gsub("[^[:alnum:]]", "", make.names(sample)), "_")
    )
    picture <- if (image == "fov") {
      do.call(field_of_view, of_sample)
    } else if (is.null(told[[sample]]$path)) {
      do.call(visium_image, of_sample)
    } else {
      do.call(visium_picture, c(list(told[[sample]]), of_sample))
    }
    # Seurat finds a column of the meta data before an image of its name.
    taken <- c(names(object[[]]), taken_names(object), make.names(sample))
    object[[utils::tail(make.unique(taken), 1L)]] <- picture
  }
  object
}

# What pictures become: Visium images where the spots lie on a lattice and Seurat is there, else fields of view.
kind_of_picture <- function(image, lattice, call) {
  able <- !is.null(lattice) && requireNamespace("Seurat", quietly = TRUE)
  if (image == "auto") {
    return(if (able) "visium" else "fov")
  }
  if (image == "visium" && !able) {
    fix <- "Use `image = \"fov\"`."
    sigel_abort("image", "\"visium\"", "a lattice, and the package Seurat installed", fix, call)
  }
  image
}

field_of_view <- function(places, lattice, assay, key) {
  table <- data.frame(x = places[, 1L], y = places[, 2L], cell = rownames(places))
  centroids <- SeuratObject::CreateCentroids(table)
  SeuratObject::CreateFOV(list(centroids = centroids), type = "centroids", assay = assay, key = key)
}

# Space Ranger's picture in the class that Seurat's own reader makes of it: VisiumV2 where there is one, else
# VisiumV1. `told` has the `path` of the picture and the `scales`.
visium_picture <- function(told, places, lattice, assay, key) {
  require_installed("png", "The picture of the tissue")
  picture <- png::readPNG(told$path)
  if (length(dim(picture)) == 2L || dim(picture)[3L] < 3L) {
    # Grey.
    size <- dim(picture)[1:2]
    picture <- array(utils::head(as.vector(picture), prod(size)), c(size, 3L))
  }
  scale <- function(name) as.double(told$scales[[name]] %||% NA_real_)
  spot <- scale("spot_diameter_fullres")
  factors <- getExportedValue("Seurat", "scalefactors")(
    spot = spot,
    fiducial = scale("fiducial_diameter_fullres"),
    hires = scale("tissue_hires_scalef"),
    lowres = scale("tissue_lowres_scalef")
  )
  seurat <- asNamespace("Seurat")
  if (!methods::isClass("VisiumV2", where = seurat)) {
    # Between neighbours there is room for discs of 1.6 diameters, as Seurat draws them.
    radius <- 1.6 * spot * scale("tissue_lowres_scalef") / max(dim(picture))
    return(visium_v1(picture, factors, lattice, places, radius, assay, key))
  }
  class <- methods::getClass("VisiumV2", where = seurat)
  # As Seurat reads and draws it: until version 5.4 x runs down the picture, also where the slot is there already.
  horizontal <- ORIENTATION %in% methods::slotNames(class) && utils::packageVersion("Seurat") >= "5.4"
  xy <- if (horizontal) 1:2 else 2:1
  table <- data.frame(x = places[, xy[1L]], y = places[, xy[2L]], cell = rownames(places))
  centroids <- SeuratObject::CreateCentroids(table, radius = spot)
  fov <- SeuratObject::CreateFOV(list(centroids = centroids), type = "centroids", assay = assay, key = key)
  made <- methods::new(
    class,
    boundaries = fov@boundaries,
    molecules = fov@molecules,
    assay = fov@assay,
    key = fov@key,
    image = picture,
    scale.factors = factors
  )
  if (horizontal) {
    methods::slot(made, ORIENTATION) <- "horizontal"
  }
  made
}

visium_v1 <- function(picture, factors, lattice, places, radius, assay, key) {
  coordinates <- data.frame(
    tissue = 1L,
    row = as.integer(lattice[, 1L]),
    col = as.integer(lattice[, 2L]),
    imagerow = places[, 2L],
    imagecol = places[, 1L],
    row.names = rownames(places)
  )
  # Called by name of the package, so that its class is known.
  methods::new(
    methods::getClass("VisiumV1", where = asNamespace("Seurat")),
    image = picture,
    scale.factors = factors,
    coordinates = coordinates,
    spot.radius = radius,
    assay = assay,
    key = key
  )
}

# A VisiumV1 whose picture is drawn from the spots: pale tissue on white.
visium_image <- function(places, lattice, assay, key, side = 600L) {
  gap <- spot_distance(places)
  places <- sweep(places, 2L, apply(places, 2L, min) - 2 * gap)
  extent <- apply(places, 2L, max) + 2 * gap
  scale <- side / max(extent)
  drawn <- draw_tissue(places * scale, ceiling(extent * scale), 0.75 * gap * scale)
  factors <- getExportedValue("Seurat", "scalefactors")(
    spot = 0.55 * gap,
    fiducial = 0.55 * gap,
    hires = scale,
    lowres = scale
  )
  visium_v1(drawn, factors, lattice, places, 0.8 * gap * scale / max(dim(drawn)), assay, key)
}

# Distance between neighbouring spots: the median distance to the nearest of a sample's neighbours.
spot_distance <- function(places) {
  sample <- unique(round(seq(1, nrow(places), length.out = min(50L, nrow(places)))))
  nearest <- vapply(
    sample,
    function(spot) {
      squared <- (places[, 1L] - places[spot, 1L])^2 + (places[, 2L] - places[spot, 2L])^2
      sqrt(min(squared[squared > 0], Inf))
    },
    double(1L)
  )
  gap <- stats::median(nearest)
  if (is.finite(gap)) gap else 1
}

# Discs around the spots, height x width x 3.
draw_tissue <- function(centres, size, radius) {
  tissue <- matrix(FALSE, size[2L], size[1L])
  reach <- ceiling(radius)
  steps <- expand.grid(x = -reach:reach, y = -reach:reach)
  steps <- steps[steps$x^2 + steps$y^2 <= radius^2, ]
  centre_x <- round(centres[, 1L])
  centre_y <- round(centres[, 2L])
  for (step in seq_len(nrow(steps))) {
    x <- pmin(pmax(centre_x + steps$x[step], 1L), size[1L])
    y <- pmin(pmax(centre_y + steps$y[step], 1L), size[2L])
    tissue[cbind(y, x)] <- TRUE
  }
  colour <- c(0.93, 0.88, 0.91)
  array(unlist(lapply(colour, function(part) ifelse(tissue, part, 1))), dim = c(dim(tissue), 3L))
}
