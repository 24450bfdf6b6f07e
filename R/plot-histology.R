# The picture of the tissue under spots: which one it is, and where it lies.

OPACITY <- 0.8 # of what is drawn over a picture
PALE <- 0.55 # share of white that is mixed into a picture, so that colours over it stay readable
ROOM <- 0.9 # spots that are at most so wide, of the distance of neighbours, leave some of a picture to be seen

# The picture under each section, a list in the order of the levels of `section`; NULL where none is drawn. `xy`: places
# of cells, which are its row names. `histology`: NULL, where spots leave room for it; TRUE, wherever there is one.
pictures_under <- function(object, image, coordinates, xy, section, histology, call) {
  check_histology(histology, call)
  if (isFALSE(histology)) {
    return(NULL)
  }
  parts <- split(seq_len(nrow(xy)), section)
  by_hand <- !is.null(coordinates)
  names <- if (by_hand || !inherits(object, "Seurat")) {
    character()
  } else {
    image %||% SeuratObject::Images(object)
  }
  found <- lapply(parts, function(rows) {
    own <- xy[rows, , drop = FALSE]
    picture <- picture_of(object, names, rownames(own))
    if (!is.null(picture)) under_spots(picture, own, histology, call)
  })
  lacking <- vapply(found, is.null, logical(1L))
  if (!any(lacking) || (isTRUE(histology) && !all(lacking))) {
    return(found)
  }
  if (isTRUE(histology)) {
    refuse_without_picture(by_hand, call)
  }
  NULL
}

refuse_without_picture <- function(by_hand, call) {
  found <- if (by_hand) "places given by hand, which are in no picture" else "no picture of these cells"
  wanted <- "an image of class VisiumV1 or VisiumV2 that shows them"
  sigel_abort("histology", found, wanted, "Read the section by `ReadSection()`, or leave it out.", call)
}

check_histology <- function(histology, call) {
  if (!is.null(histology)) {
    check_flag(histology, "histology", call)
  }
}

# The only image with a picture that shows all of some cells, or NULL.
picture_of <- function(object, names, cells) {
  images <- lapply(names, function(name) image_of(object, name))
  shows <- vapply(
    images,
    function(image) {
      inherits(image, c("VisiumV1", "VisiumV2")) && all(cells %in% SeuratObject::Cells(image))
    },
    logical(1L)
  )
  if (sum(shows) == 1L) images[[which(shows)]]
}

# The picture around spots, paled, with its edges in their unit and their diameter; NULL where it does not go with them,
# or, by default, where they would hide it.
under_spots <- function(image, xy, histology, call) {
  picture <- methods::slot(image, "image")
  factors <- methods::slot(image, "scale.factors")
  scale <- scale_of(picture, factors)
  if (length(dim(picture)) < 2L || !isTRUE(scale > 0) || !lies_within(xy, picture, scale, histology, call)) {
    return(NULL)
  }
  distance <- spot_spacing(xy)
  told <- as.double(factors[["spot"]] %||% NA_real_) / distance
  leaves_room <- isTRUE(told <= ROOM) && !is_drawn(picture)
  if (isTRUE(histology) || leaves_room) {
    c(cropped(picture, scale, xy, distance), list(diameter = width_of(told) * distance))
  }
}

# Pixels of a picture for one of its full size. Seurat keeps the small picture, where it is not told to read the large
# one, and either beside the scales of both; Space Ranger's small one is at most 600 pixels wide and high.
scale_of <- function(picture, factors) {
  scale <- as.double(factors[["lowres"]] %||% NA_real_)
  large <- as.double(factors[["hires"]] %||% NA_real_)
  if (any(dim(picture)[1:2] > 600L) && isTRUE(large > scale)) large else scale
}

# Diameter of a spot, of the distance of neighbours: Seurat's own readers store another number under its name.
width_of <- function(told) if (isTRUE(told > 0.02 && told < 1.05)) told else 0.6

# Whether nearly all spots lie on a picture, which is refused where it was asked for.
lies_within <- function(xy, picture, scale, histology, call) {
  extent <- dim(picture)[2:1] / scale
  within <- mean(xy[, 1L] >= 0 & xy[, 2L] >= 0 & xy[, 1L] <= extent[1L] & xy[, 2L] <= extent[2L])
  if (within < 0.99 && isTRUE(histology)) {
    found <- sprintf("places of which %.0f%% lie beside the picture", 100 * (1 - within))
    fix <- "Leave it out, or mend the scale factors of the image."
    sigel_abort("histology", found, "places in pixels of the full picture", fix, call)
  }
  within >= 0.99
}

# Whether a picture was drawn from the spots, as those of simulated sections are: it has two shades.
is_drawn <- function(picture) {
  length(unique(as.vector(first_channel(picture)))) <= 2L
}

first_channel <- function(picture) {
  size <- dim(picture)[1:2]
  matrix(picture[seq_len(prod(size))], size[1L])
}

# What lies around spots, in light colours, and its edges.
cropped <- function(picture, scale, xy, distance) {
  size <- dim(picture)[2:1]
  low <- unname(pmax(floor((apply(xy, 2L, min) - 0.75 * distance) * scale), 0))
  high <- unname(pmin(ceiling((apply(xy, 2L, max) + 0.75 * distance) * scale), size))
  rows <- (low[2L] + 1):high[2L]
  columns <- (low[1L] + 1):high[1L]
  shown <- if (length(dim(picture)) > 2L && dim(picture)[3L] >= 3L) {
    picture[rows, columns, 1:3, drop = FALSE]
  } else {
    array(first_channel(picture)[rows, columns], c(length(rows), length(columns), 3L))
  }
  pale <- 1 - (1 - PALE) * (1 - pmin(pmax(shown, 0), 1))
  list(
    picture = grDevices::as.raster(pale),
    x = c(low[1L], high[1L]) / scale,
    y = c(low[2L], high[2L]) / scale
  )
}

# The same about the middle of its section and in its unit, as `sections_side_by_side` has the spots.
moved <- function(under, middle, unit) {
  under$x <- (under$x - middle[[1L]]) / unit
  under$y <- (under$y - middle[[2L]]) / unit
  under$diameter <- under$diameter / unit
  under
}

# Corners of discs around spots, as `spot_corners` has those of pixels.
disc_corners <- function(x, y, diameter, n = 20L) {
  turn <- seq(0, 2 * pi, length.out = n + 1L)[-1L]
  data.frame(
    x = rep(x, each = n) + diameter / 2 * cos(turn),
    y = rep(y, each = n) + diameter / 2 * sin(turn)
  )
}

# Layers with the pictures: `under` by section, each in the panel of its own. The y of the plot is reversed.
picture_layers <- function(under) {
  under <- Filter(Negate(is.null), under)
  unlist(
    lapply(seq_along(under), function(k) {
      one <- under[[k]]
      box <- data.frame(x = one$x, y = one$y)
      where <- data.frame(x = NA_real_)
      if (!is.null(names(under))) {
        box$section <- names(under)[k]
        where$section <- names(under)[k]
      }
      list(
        ggplot2::layer(
          data = where,
          mapping = NULL,
          stat = ggplot2::StatIdentity,
          position = ggplot2::PositionIdentity,
          geom = ggplot2::GeomRasterAnn,
          inherit.aes = FALSE,
          params = list(
            raster = one$picture,
            xmin = one$x[1L],
            xmax = one$x[2L],
            ymin = -one$y[2L],
            ymax = -one$y[1L],
            interpolate = TRUE
          )
        ),
        # The panel ends where the picture does.
        ggplot2::geom_blank(ggplot2::aes(.data$x, .data$y), data = box, inherit.aes = FALSE)
      )
    }),
    recursive = FALSE
  )
}

# The picture under images of one section, or NULL; `centres` are those of the pixels, in the unit of its places.
picture_under_images <- function(object, image, coordinates, centres, histology, call) {
  images <- image %||% SeuratObject::Images(object)
  by_hand <- !is.null(coordinates)
  if (isTRUE(histology) && (by_hand || !length(images))) {
    refuse_without_picture(by_hand, call)
  }
  if (isTRUE(histology) && length(images) > 1L) {
    found <- sprintf("images of %d sections", length(images))
    sigel_abort("histology", found, "those of one", sprintf("Use `image = \"%s\"`.", images[1L]), call)
  }
  if (isFALSE(histology) || length(images) != 1L) {
    return(NULL)
  }
  # Pixels stand for the cells of that image.
  rownames(centres) <- rep(SeuratObject::Cells(image_of(object, images))[1L], nrow(centres))
  section <- factor(rep("", nrow(centres)))
  pictures_under(object, images, coordinates, centres, section, histology, call)[[1L]]
}

discs_of_pixels <- function(centres, diameter) {
  discs <- disc_corners(centres[, 1L], centres[, 2L], diameter)
  cbind(pixel = rep(seq_len(nrow(centres)), each = nrow(discs) / nrow(centres)), discs)
}
