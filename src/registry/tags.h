/* SPDX-License-Identifier: Apache-2.0 */
/* A repository's tags (OCI distribution-spec 1.1, "Listing Tags"). Needs libcurl. */
#pragma once

struct error;
struct repository;

/* Writes the names to a file, one on each line; follows Link to further pages of the registry. */
int tags_list(struct repository *repository, int fd, struct error **err);
