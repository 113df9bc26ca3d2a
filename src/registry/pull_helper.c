/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/pull_helper.h"

#include <string.h>

#include "base/error.h"
#include "base/file.h"
#include "registry/download.h"
#include "registry/pull_protocol.h"
#include "registry/repository.h"
#include "sys/msg.h"

#define FETCH_BYTES_MAX (INT64_C(64) << 30)

static int write_document(int fd, const struct manifest_document *document, struct error **err)
{
	return file_write_all(fd, document->text, document->length, "the manifest", err);
}

static int resolve(struct repository *repository, const int fds[static 2], struct error **err)
{
	const struct reference *ref = repository->ref;
	cleanup_manifest_document struct manifest_document top = { 0 }, own = { 0 };
	const struct descriptor *chosen;
	char digest[DIGEST_TEXT_MAX];

	if (repository_get_manifest(
		    repository, ref->digest ? ref->digest : ref->tag, NULL, &top, err) < 0 ||
		write_document(fds[0], &top, err) < 0)
		return -1;
	if (!top.manifest.is_index)
		return 0;
	chosen = manifest_select(&top.manifest, NULL);
	if (!chosen)
		return error_new(err, ERROR_NOT_FOUND,
			"no matching manifest for linux/%s in the manifest list entries",
			platform_architecture());
	if (repository_get_manifest(
		    repository, digest_text(&chosen->digest, digest), chosen, &own, err) < 0)
		return -1;
	return write_document(fds[1], &own, err);
}

static int answer_resolve(struct repository *repository, int socket_fd, struct error **err)
{
	struct msg msg;
	int result = msg_receive(socket_fd, &msg, err);

	if (result <= 0)
		return result;
	if (msg.type != PULL_RESOLVE || msg.fd_count != 2)
		result =
			error_new(err, ERROR_INVALID, "an unexpected message of type %u", msg.type);
	else
		result = resolve(repository, msg.fds, err);
	msg_close_fds(&msg);
	if (result < 0 || msg_send(socket_fd, PULL_RESOLVED, "", 0, err) < 0)
		return -1;
	return 1;
}

int pull_helper_run(const char *reference, int socket_fd, struct error **err)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_repository struct repository repository = { 0 };
	int result;

	if (reference_parse(reference, &ref, err) < 0 ||
		repository_open(&ref, &repository, err) < 0)
		return -1;
	result = answer_resolve(&repository, socket_fd, err);
	return result <= 0 ? result : download_serve(&repository, socket_fd, err);
}

int fetch_helper_run(const char *url, int socket_fd, struct error **err)
{
	struct msg msg;
	int result = msg_receive(socket_fd, &msg, err);

	if (result <= 0)
		return result;
	if (msg.type != PULL_BLOB || msg.fd_count != 1)
		result =
			error_new(err, ERROR_INVALID, "an unexpected message of type %u", msg.type);
	else
		result = repository_get_url(url, msg.fds[0], FETCH_BYTES_MAX, err);
	msg_close_fds(&msg);
	return result < 0 ? -1 : msg_send(socket_fd, PULL_GOT, "", 0, err);
}
