/* SPDX-License-Identifier: Apache-2.0 */
/* /etc/passwd and /etc/group are the image's: any bytes. The first byte chooses who is looked for.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "oci/spec.h"
#include "runtime/user.h"

static const char *const wanted[] = { "", "root", "33", "a:b", "0:0", "4294967295", ":x", "a" };

static int root_with(const uint8_t *data, size_t length)
{
	static const char *const files[] = { "etc/passwd", "etc/group" };
	static int root_fd = -1;

	if (root_fd < 0) {
		char dir[] = "/dev/shm/user-fuzz.XXXXXX";

		root_fd = mkdtemp(dir) ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
		if (root_fd < 0 || mkdirat(root_fd, "etc", 0755) < 0)
			abort();
	}
	for (int i = 0; i < 2; i++) {
		int fd = openat(root_fd, files[i], O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

		if (fd < 0 || write(fd, data, length) != (ssize_t)length)
			abort();
		close(fd);
	}
	return root_fd;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t length)
{
	struct spec_process process = { 0 };
	struct user user cleanup_user = { 0 };
	struct error *err = NULL;

	if (length == 0)
		return 0;
	process.user = (char *)wanted[data[0] % (sizeof(wanted) / sizeof(*wanted))];
	(void)user_lookup(root_with(data + 1, length - 1), &process, &user, &err);
	error_free(err);
	return 0;
}
