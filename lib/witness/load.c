/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* A witness's file as it is, for users that cannot do with base/source.h and base/sink.h, which
 * take zlib with them. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/attributes.h"
#include "base/io.h"
#include "base/newfile.h"
#include "witness/witness.h"

#define NEW_MODE 0666
#define PRIVATE_MODE 0600

/* More than a witness has is told by its size, one too many. */
static int read_file(uint8_t data[WITNESS_MAX_BYTES + 1], uint32_t *size, const char *name,
		     const struct report *rep)
{
	int fd = open(name, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	if (fd < 0)
		return report_errno(rep, name, "cannot open");
	*size = 0;
	while (n && *size <= WITNESS_MAX_BYTES) {
		n = read(fd, data + *size, WITNESS_MAX_BYTES + 1 - *size);
		if (n < 0 && errno != EINTR)
			break;
		*size += n > 0 ? (uint32_t)n : 0;
	}
	if (n < 0)
		report_errno(rep, name, "cannot read");
	close(fd);
	return n < 0 ? ERA_SYS : 0;
}

int witness_load(struct witness **out, const char *name, const struct report *rep)
{
	uint8_t *data = malloc(WITNESS_MAX_BYTES + 1);
	struct witness *witness = malloc(sizeof(*witness));
	uint32_t size = 0;
	int r;

	if (data && witness)
		r = read_file(data, &size, name, rep);
	else
		r = report_nomem(rep);
	if (!r)
		r = witness_decode(witness, name, data, size, rep);
	free(data);
	if (r)
		free(witness);
	else
		*out = witness;
	return r;
}

/* The file at `target` is replaced, if there is one. */
static int write_file(const char *target, const uint8_t *data, uint32_t size,
		      const struct report *rep)
{
	bool replaces = !access(target, F_OK);
	const char *what = "cannot write";
	struct newfile file;
	int error = newfile_open(&file, target, replaces ? PRIVATE_MODE : NEW_MODE);

	if (!error)
		error = io_write_at(file.fd, data, size, 0);
	if (!error && replaces)
		error = attributes_keep(file.fd, target, &what);
	if (!error && fsync(file.fd))
		error = errno;
	if (!error)
		error = newfile_replace(&file, target);
	if (!error)
		error = io_flush_directory(target);
	if (file.fd >= 0)
		close(file.fd);
	newfile_drop(&file);
	errno = error;
	return error ? report_errno(rep, target, what) : 0;
}

/* Links are followed, so that they stay. */
static int resolve(char **target, const char *path, const struct report *rep)
{
	struct stat st;

	*target = realpath(path, NULL);
	if (!*target && errno == ENOENT)
		*target = strdup(path);
	if (!*target)
		return report_errno(rep, path, "cannot write");
	if (lstat(*target, &st) || S_ISREG(st.st_mode))
		return 0;
	free(*target);
	return report_fail(rep, ERA_SYS, "%s: cannot write: wanted a regular file", path);
}

int witness_save(const struct witness *witness, const char *path, const struct report *rep)
{
	uint8_t *data = malloc(WITNESS_MAX_BYTES);
	char *target = NULL;
	int r = data ? resolve(&target, path, rep) : report_nomem(rep);

	if (!r) {
		r = write_file(target, data, witness_encode(witness, data), rep);
		free(target);
	}
	free(data);
	return r;
}
