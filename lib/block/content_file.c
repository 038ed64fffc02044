/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "block/content_file.h"

#include <string.h>

#include "base/checked.h"
#include "ondisk/era_disk.h"

#define COMPRESSED \
	"decompress it first; a dump compressed by gzip is read by " ERA_PROGRAM " restore"
#define ARCHIVE "unpack it first"
#define DISK_IMAGE "it is the image of a disk in a format that must be converted"
#define STREAM "it is a stream, to be read by the program that wrote it"
#define WITNESS ERA_PROGRAM " invalidate --witness takes it"

#define AT_TAR 257u
#define AT_VDI 64u
#define AT_ZFS 8u

static const struct {
	size_t at;
	const char *bytes;
	size_t len;
	struct content_file file;
} beginnings[] = {
	{0, "\x1f\x8b\x08", 3, {"data compressed by gzip", COMPRESSED}},
	{0, "\x1f\x9d", 2, {"data compressed by compress", COMPRESSED}},
	{0, "BZh", 3, {"data compressed by bzip2", COMPRESSED}},
	{0, "\xfd\x37zXZ", 6, {"data compressed by xz", COMPRESSED}},
	{0, "\x5d\0\0", 3, {"data compressed by lzma", COMPRESSED}},
	{0, "LZIP", 4, {"data compressed by lzip", COMPRESSED}},
	{0, "LRZI", 4, {"data compressed by lrzip", COMPRESSED}},
	{0, "\x89LZO\0\r\n\x1a\n", 9, {"data compressed by lzop", COMPRESSED}},
	{0, "\x04\x22\x4d\x18", 4, {"data compressed by lz4", COMPRESSED}},
	{0, "\x02\x21\x4c\x18", 4, {"data compressed by lz4", COMPRESSED}},
	{0, "\x28\xb5\x2f\xfd", 4, {"data compressed by zstd", COMPRESSED}},
	{0, "\xff\x06\0\0sNaPpY", 10, {"data compressed by snappy", COMPRESSED}},

	{0, "PK\x03\x04", 4, {"a zip archive", ARCHIVE}},
	{0, "PK\x05\x06", 4, {"a zip archive", ARCHIVE}},
	{0, "PK\x07\x08", 4, {"a zip archive", ARCHIVE}},
	{0, "7z\xbc\xaf\x27\x1c", 6, {"a 7z archive", ARCHIVE}},
	{0, "Rar!\x1a\x07", 6, {"a RAR archive", ARCHIVE}},
	{0, "xar!", 4, {"a xar archive", ARCHIVE}},
	{0, "MSCF", 4, {"a cabinet archive", ARCHIVE}},
	{0, "!<arch>\n", 8, {"an ar archive", ARCHIVE}},
	{0, "070701", 6, {"a cpio archive", ARCHIVE}},
	{0, "070702", 6, {"a cpio archive", ARCHIVE}},
	{0, "070707", 6, {"a cpio archive", ARCHIVE}},
	{0, "\xc7\x71", 2, {"a cpio archive", ARCHIVE}},
	{0, "\x71\xc7", 2, {"a cpio archive", ARCHIVE}},
	{AT_TAR, "ustar", 5, {"a tar archive", ARCHIVE}},

	{0, "QFI\xfb", 4, {"a qcow2 image", DISK_IMAGE}},
	{0, "QED", 4, {"a QED image", DISK_IMAGE}},
	{0, "KDMV", 4, {"a VMDK image", DISK_IMAGE}},
	{0, "COWD", 4, {"a VMDK image", DISK_IMAGE}},
	{0, "# Disk DescriptorFile", 21, {"the description of a VMDK image", DISK_IMAGE}},
	{0, "vhdxfile", 8, {"a VHDX image", DISK_IMAGE}},
	{0, "conectix", 8, {"a VHD image", DISK_IMAGE}},
	{AT_VDI, "\x7f\x10\xda\xbe", 4, {"a VDI image", DISK_IMAGE}},
	{0, "WithoutFreeSpace", 16, {"a Parallels image", DISK_IMAGE}},
	{0, "WithouFreSpacExt", 16, {"a Parallels image", DISK_IMAGE}},
	{0, "Bochs Virtual HD Image", 22, {"a Bochs image", DISK_IMAGE}},
	{0, "MSWIM\0\0", 8, {"a WIM image", DISK_IMAGE}},
	{0, "EVF\t\r\n\xff", 8, {"an EWF image", DISK_IMAGE}},
	{0, "EVF2\r\n\x81", 8, {"an EWF image", DISK_IMAGE}},
	{0, "AFF10\r\n", 8, {"an AFF image", DISK_IMAGE}},
	{0, "encrcdsa", 8, {"an encrypted DMG image", DISK_IMAGE}},
	{0, "VMA", 4, {"a VMA archive", DISK_IMAGE}},
	{0, "\x3a\xff\x26\xed", 4, {"an Android sparse image", DISK_IMAGE}},
	{0, "partclone-image", 15, {"an image of partclone", DISK_IMAGE}},
	{0, "PaRtImAgE-VoLuMe", 16, {"an image of partimage", DISK_IMAGE}},
	{0, "\0ntfsclone-image", 16, {"an image of ntfsclone", DISK_IMAGE}},

	{0, "rbd diff v", 10, {"a stream of rbd export-diff", STREAM}},
	{0, "rbd image v", 11, {"a stream of rbd export", STREAM}},
	{0, "btrfs-stream", 13, {"a stream of btrfs send", STREAM}},
	{AT_ZFS, "\xac\xcb\xba\xf5\x02\0\0", 8, {"a stream of zfs send", STREAM}},
	{0, "xFSdump0", 8, {"a dump of XFS", STREAM}},
	{0, "PGDMP", 5, {"a dump of PostgreSQL", STREAM}},

	{0, "era-wit\n", 8, {"a witness", WITNESS}},
	{0, "SQLite format 3", 16, {"an SQLite database", NULL}},
	{0, "\x7f\x45LF", 4, {"an ELF program", NULL}},
	{0, "%PDF-", 5, {"a PDF document", NULL}},
	{0, "age-encryption.org/", 19, {"data encrypted by age", NULL}},
	{0, "-----BEGIN ", 11, {"data in PEM form", NULL}},
};

/* How characters lie in the text. */
static const struct encoding {
	const char *mark;
	size_t len, width, at;
} encodings[] = {
	{"\xef\xbb\xbf", 3, 1, 0},
	{"\xff\xfe", 2, 2, 0},
	{"\xfe\xff", 2, 2, 1},
};

/* A superblock begins with its checksum, which may look like anything. */
static bool is_superblock(const void *data, size_t len)
{
	const struct superblock_disk *sb = data;

	return len >= sizeof(*sb) && le64_get(sb->magic) == ERA_MAGIC;
}

static bool matches(const uint8_t *data, size_t len, size_t i)
{
	size_t at = beginnings[i].at, n = beginnings[i].len;

	return len >= at + n && !memcmp(data + at, beginnings[i].bytes, n);
}

/* A frame that its readers skip has one of 16 magic numbers. */
static bool is_skippable(const uint8_t *data, size_t len)
{
	return len >= 4 && (*data & 0xf0) == 0x50 && !memcmp(data + 1, "\x2a\x4d\x18", 3);
}

const struct content_file *content_file_find(const void *data, size_t len)
{
	static const struct content_file skippable = {"data compressed by zstd or lz4", COMPRESSED};

	if (is_superblock(data, len))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++)
		if (matches(data, len, i))
			return &beginnings[i].file;
	return is_skippable(data, len) ? &skippable : NULL;
}

static struct encoding encoding_of(const void *data, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(encodings); i++)
		if (len >= encodings[i].len && !memcmp(data, encodings[i].mark, encodings[i].len))
			return encodings[i];
	if (len >= 2 && !memcmp(data, "<", 2))
		return (struct encoding){NULL, 0, 2, 0};
	if (len >= 2 && !memcmp(data, "\0<", 2))
		return (struct encoding){NULL, 0, 2, 1};
	return (struct encoding){NULL, 0, 1, 0};
}

bool content_is_xml(const void *data, size_t len)
{
	struct encoding as = encoding_of(data, len);
	const char *text = (const char *)data + as.len + as.at;
	size_t end = (len - as.len) / as.width, i = 0;

	if (is_superblock(data, len))
		return false;
	while (i < end && text[i * as.width] && strchr(" \t\r\n", text[i * as.width]))
		i++;
	if (i + 1 >= end || text[i * as.width] != '<')
		return false;
	i = (i + 1) * as.width;
	return text[i] && strchr("s?!", text[i]);
}
