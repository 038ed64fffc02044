/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "era/versions.h"

#include <expat.h>
#include <stdio.h>
#include <zlib.h>
#ifdef HAVE_BLKID
#include <blkid.h>
#endif
#ifdef HAVE_ISAL
#include <isa-l.h>
#endif

#include "copy/served.h"
#include "dm/dm.h"

/* libblkid names what a device holds before it is overwritten. */
static void print_blkid(void)
{
#ifdef HAVE_BLKID
	const char *version = NULL;

	blkid_get_library_version(&version, NULL);
	printf("libblkid %s\n", version);
#else
	printf("no libblkid\n");
#endif
}

/* Of a library that is loaded when it is needed. */
static void print_loaded(const char *name, const char *version)
{
	if (version)
		printf("%s %s\n", name, version);
	else
		printf("no %s\n", name);
}

void versions_print(void)
{
	char text[64];
	const XML_Expat_Version expat = XML_ExpatVersionInfo();

	printf("expat %d.%d.%d\n", expat.major, expat.minor, expat.micro);
	printf("zlib %s\n", zlibVersion());
#ifdef HAVE_ISAL
	/* It does not tell at run time. */
	printf("ISA-L, built with %d.%d.%d\n", ISAL_MAJOR_VERSION, ISAL_MINOR_VERSION,
	       ISAL_PATCH_VERSION);
#else
	printf("no ISA-L\n");
#endif
	print_blkid();
	print_loaded("libdevmapper", mapper_version(text));
	print_loaded("libnbd", served_version(text));
}
