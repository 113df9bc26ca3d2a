/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both sides of the list of an archive's files: what vessel-unpack may answer, should an archive
 * have taken it over, and what it makes of an archive. The first byte says which.
 */
#include <stdint.h>
#include <sys/mman.h>

#include "store/codec.h"
#include "store/members.c" // NOLINT(bugprone-suspicious-include): no helper is started here
#include "store/stream.h"
#include "sys/fuzz_packets.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The messages; what they promise to send through the pipe never comes. */
static void try_answers(const uint8_t *data, size_t size)
{
	static struct members members;
	struct member member;
	int result = 1;

	members = (struct members){ .answer_fd = fuzz_packets(data, size), .data_fd = -1 };
	while (result > 0) {
		cleanup_error struct error *err = NULL;

		members.left = 0;
		result = members.done ? 0 : msg_receive(members.answer_fd, &members.msg, &err);
		if (result <= 0)
			break;
		msg_close_fds(&members.msg);
		if (members.msg.type != TRANSFER_MEMBER)
			continue;
		if (take_member(&members, &member, &err) > 0 &&
			(!member.name[0] || member.size < 0 ||
				(member.link && strlen(member.link) > MSG_MAX)))
			abort();
	}
	close_fd(members.answer_fd);
}

static void try_archive(const uint8_t *data, size_t size)
{
	static int fd = -1, null_fd = -1;
	cleanup_error struct error *err = NULL;
	cleanup_stream struct stream *stream = NULL;
	struct stream_options options = {
		.copy_fd = -1, .codecs = codecs_common, .limit = 4UL << 20
	};

	if (fd < 0) {
		fd = memfd_create("archive", MFD_CLOEXEC);
		null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
	}
	options.fd = fd;
	if (ftruncate(fd, 0) < 0 || pwrite(fd, data, size, 0) != (ssize_t)size ||
		lseek(fd, 0, SEEK_SET) < 0)
		abort();
	/* No socket: the first message that is sent ends it, after its name was made clean. */
	if (stream_open(&options, &stream, &err) == 0)
		(void)members_send(stream, null_fd, null_fd, &err);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	if (data[0] & 1)
		try_answers(data + 1, size - 1);
	else
		try_archive(data + 1, size - 1);
	return 0;
}
