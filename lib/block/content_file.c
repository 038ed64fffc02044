/* SPDX-License-Identifier: LGPL-2.1-or-later */
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
	const char *bytes;
	size_t len;
	struct content_file file;
	size_t at;
	uint8_t ignored; /* bits of the first byte */
} beginnings[] = {
	{"\x1f\x8b\x08", 3, {"data compressed by gzip", COMPRESSED}},
	{"\x1f\x9d", 2, {"data compressed by compress", COMPRESSED}},
	{"BZh", 3, {"data compressed by bzip2", COMPRESSED}},
	{"\xfd\x37zXZ", 6, {"data compressed by xz", COMPRESSED}},
	{"\x5d\0\0", 3, {"data compressed by lzma", COMPRESSED}},
	{"LZIP", 4, {"data compressed by lzip", COMPRESSED}},
	{"LRZI", 4, {"data compressed by lrzip", COMPRESSED}},
	{"\x89LZO\0\r\n\x1a\n", 9, {"data compressed by lzop", COMPRESSED}},
	{"\x04\x22\x4d\x18", 4, {"data compressed by lz4", COMPRESSED}},
	{"\x02\x21\x4c\x18", 4, {"data compressed by lz4", COMPRESSED}},
	{"\x28\xb5\x2f\xfd", 4, {"data compressed by zstd", COMPRESSED}},
	{"\x50\x2a\x4d\x18", 4, {"data compressed by zstd or lz4", COMPRESSED}, .ignored = 0x0f},
	{"\xff\x06\0\0sNaPpY", 10, {"data compressed by snappy", COMPRESSED}},

	{"PK\x03\x04", 4, {"a zip archive", ARCHIVE}},
	{"PK\x05\x06", 4, {"a zip archive", ARCHIVE}},
	{"PK\x07\x08", 4, {"a zip archive", ARCHIVE}},
	{"7z\xbc\xaf\x27\x1c", 6, {"a 7z archive", ARCHIVE}},
	{"Rar!\x1a\x07", 6, {"a RAR archive", ARCHIVE}},
	{"xar!", 4, {"a xar archive", ARCHIVE}},
	{"MSCF", 4, {"a cabinet archive", ARCHIVE}},
	{"!<arch>\n", 8, {"an ar archive", ARCHIVE}},
	{"070701", 6, {"a cpio archive", ARCHIVE}},
	{"070702", 6, {"a cpio archive", ARCHIVE}},
	{"070707", 6, {"a cpio archive", ARCHIVE}},
	{"ustar", 5, {"a tar archive", ARCHIVE}, .at = AT_TAR},

	{"QFI\xfb", 4, {"a qcow2 image", DISK_IMAGE}},
	{"QED", 4, {"a QED image", DISK_IMAGE}},
	{"KDMV", 4, {"a VMDK image", DISK_IMAGE}},
	{"COWD", 4, {"a VMDK image", DISK_IMAGE}},
	{"# Disk DescriptorFile", 21, {"the description of a VMDK image", DISK_IMAGE}},
	{"vhdxfile", 8, {"a VHDX image", DISK_IMAGE}},
	{"conectix", 8, {"a VHD image", DISK_IMAGE}},
	{"\x7f\x10\xda\xbe", 4, {"a VDI image", DISK_IMAGE}, .at = AT_VDI},
	{"WithoutFreeSpace", 16, {"a Parallels image", DISK_IMAGE}},
	{"WithouFreSpacExt", 16, {"a Parallels image", DISK_IMAGE}},
	{"Bochs Virtual HD Image", 22, {"a Bochs image", DISK_IMAGE}},
	{"MSWIM\0\0", 8, {"a WIM image", DISK_IMAGE}},
	{"EVF\t\r\n\xff", 8, {"an EWF image", DISK_IMAGE}},
	{"EVF2\r\n\x81", 8, {"an EWF image", DISK_IMAGE}},
	{"AFF10\r\n", 8, {"an AFF image", DISK_IMAGE}},
	{"encrcdsa", 8, {"an encrypted DMG image", DISK_IMAGE}},
	{"VMA", 4, {"a VMA archive", DISK_IMAGE}},
	{"\x3a\xff\x26\xed", 4, {"an Android sparse image", DISK_IMAGE}},
	{"partclone-image", 15, {"an image of partclone", DISK_IMAGE}},
	{"PaRtImAgE-VoLuMe", 16, {"an image of partimage", DISK_IMAGE}},
	{"\0ntfsclone-image", 16, {"an image of ntfsclone", DISK_IMAGE}},

	{"rbd diff v", 10, {"a stream of rbd export-diff", STREAM}},
	{"rbd image v", 11, {"a stream of rbd export", STREAM}},
	{"btrfs-stream", 13, {"a stream of btrfs send", STREAM}},
	{"\xac\xcb\xba\xf5\x02\0\0", 8, {"a stream of zfs send", STREAM}, .at = AT_ZFS},
	{"xFSdump0", 8, {"a dump of XFS", STREAM}},
	{"PGDMP", 5, {"a dump of PostgreSQL", STREAM}},

	{"era-wit\n", 8, {"a witness", WITNESS}},
	{"SQLite format 3", 16, {"an SQLite database", NULL}},
	{"\x7f\x45LF", 4, {"an ELF program", NULL}},
	{"%PDF-", 5, {"a PDF document", NULL}},
	{"age-encryption.org/", 19, {"data encrypted by age", NULL}},
	{"-----BEGIN ", 11, {"data in PEM form", NULL}},
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
	const uint8_t *bytes = (const uint8_t *)beginnings[i].bytes;
	size_t n = beginnings[i].len;

	if (len < beginnings[i].at + n)
		return false;
	data += beginnings[i].at;
	return !((*data ^ *bytes) & ~beginnings[i].ignored) && !memcmp(data + 1, bytes + 1, n - 1);
}

const struct content_file *content_file_find(const void *data, size_t len)
{
	if (is_superblock(data, len))
		return NULL;
	for (size_t i = 0; i < ARRAY_SIZE(beginnings); i++)
		if (matches(data, len, i))
			return &beginnings[i].file;
	return NULL;
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
