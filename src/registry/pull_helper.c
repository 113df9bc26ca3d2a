/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/pull_helper.h"

#include <signal.h>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "oci/platform.h"
#include "registry/download.h"
#include "registry/pull_protocol.h"
#include "registry/repository.h"
#include "registry/tags.h"
#include "sys/msg.h"

#define FETCH_BYTES_MAX (INT64_C(64) << 30)

static int write_document(int fd, const struct manifest_document *document, struct error **err)
{
	return file_write_all(fd, document->text, document->length, "the manifest", err);
}

struct question {
	struct platform platform;
	strv known;
};

static void question_done(struct question *question)
{
	platform_done(&question->platform);
	strv_free(question->known);
}

static void question_done_p_(struct question *question)
{
	question_done(question);
}

static int parse_question(const struct msg *msg, struct question *ret, struct error **err)
{
	cleanup_json struct json_object *object = NULL;
	const char *platform = NULL;

	if (msg->type != PULL_RESOLVE || msg->fd_count != 2)
		return error_new(err, ERROR_INVALID, "an unexpected message of type %u", msg->type);
	if (json_parse(msg->data, msg->length, "the question", &object, err) < 0 ||
		json_get_text(object, "platform", &platform, err) < 0 ||
		json_get_strv(object, "known", &ret->known, err) < 0)
		return -1;
	return platform_parse(platform, &ret->platform, err);
}

static int resolve(struct repository *repository, const struct question *question,
	const int fds[static 2], struct error **err)
{
	const struct reference *ref = repository->ref;
	cleanup_manifest_document struct manifest_document top = { 0 }, own = { 0 };
	const struct descriptor *chosen;
	char digest[DIGEST_TEXT_MAX];

	if (repository_get_manifest(
		    repository, ref->digest ? ref->digest : ref->tag, NULL, &top, err) < 0 ||
		write_document(fds[0], &top, err) < 0)
		return -1;
	if (!top.manifest.is_index ||
		strv_contains(question->known, digest_text(&top.digest, digest)))
		return 0;
	chosen = platform_select(&question->platform, &top.manifest, err);
	if (!chosen || repository_get_manifest(repository, digest_text(&chosen->digest, digest),
			       chosen, &own, err) < 0)
		return -1;
	return write_document(fds[1], &own, err);
}

static int answer_resolve(struct repository *repository, int socket_fd, struct error **err)
{
	CLEANUP(question_done) struct question question = { 0 };
	struct msg msg;
	int result = msg_receive(socket_fd, &msg, err);

	if (result <= 0)
		return result;
	result = parse_question(&msg, &question, err);
	if (result == 0)
		result = resolve(repository, &question, msg.fds, err);
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

	(void)signal(SIGPIPE, SIG_IGN); /* who takes a blob may have given up */
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

int tags_helper_run(const char *repository_name, int socket_fd, struct error **err)
{
	cleanup_reference struct reference ref = { 0 };
	cleanup_repository struct repository repository = { 0 };
	struct msg msg;
	int result;

	if (reference_parse(repository_name, &ref, err) < 0 ||
		repository_open(&ref, &repository, err) < 0)
		return -1;
	result = msg_receive(socket_fd, &msg, err);
	if (result <= 0)
		return result;
	if (msg.type != PULL_TAGS || msg.fd_count != 1)
		result =
			error_new(err, ERROR_INVALID, "an unexpected message of type %u", msg.type);
	else
		result = tags_list(&repository, msg.fds[0], err);
	msg_close_fds(&msg);
	return result < 0 ? -1 : msg_send(socket_fd, PULL_GOT, "", 0, err);
}
