/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request is besides a question for a document: its method, and a body from memory or from a
 * part of a file. Needs libcurl: only vessel-transfer links it.
 */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>
#include <stdint.h>

struct sending {
	const char *method; /* NULL: GET, of a document or blob */
	const char *type; /* of the body; NULL: not said */
	bool has_range; /* its place in the whole is said: Content-Range */
	int fd; /* borrowed; -1: there is no body, or an empty one */
	int64_t offset, length; /* the part of the file that is sent */
	int64_t sent; /* of length, by the request that runs */
	/* A failure that may pass is told and not tried again: before the rest of a blob is sent
	 * anew, the registry is asked how much of it there is. */
	bool once;
	int read_errno;
};

/* Fills a request's options. */
void sending_set_options(struct sending *sending, CURL *easy);
/* Appends what is said of the body; returns the list. */
struct curl_slist *sending_headers(const struct sending *sending, struct curl_slist *list);
/* "0-99": Content-Range of what is sent, without "bytes"; the caller frees. */
char *sending_range(const struct sending *sending);
/* Whether the same request may be made of where this answer leads: others of 3xx say GET. */
bool sending_follows(const struct sending *sending, long status);
