"""Gene representations: agreement of sections, annotations, planted truth."""
