/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
/*
 * Metadata as XML, byte for byte in the form that the tools of thin-provisioning-tools print.
 *
 * Two dialects: one <bit> for each bit of a writeset, or <marked> runs of the set ones.
 */
#ifndef ERA_XML_WRITER_H
#define ERA_XML_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/decimal.h"
#include "base/sink.h"
#include "metadata/stream.h"

#define XML_PIECE_BYTES 32u
#define XML_NR_ENDS 64u

/* Text that is copied as XML_PIECE_BYTES bytes, of which len count. */
struct xml_piece {
	char text[XML_PIECE_BYTES];
	uint32_t len;
};

/* The text after the number of a block that was last written in that era. */
struct xml_era_end {
	uint32_t era;
	struct xml_piece piece; /* of length 0 if there is none yet */
};

struct xml_writer {
	struct sink *sink;
	bool compact;		     /* <marked> instead of <bit> */
	uint32_t nr_bits;	     /* of the writeset being written */
	uint64_t next;		     /* bit or block */
	uint64_t run_begin, run_end; /* set bits not written yet */
	struct decimal number;
	struct xml_era_end ends[XML_NR_ENDS]; /* by the era's last bits */
};

/* Both must outlive the stream. */
struct era_stream xml_writer_stream(struct xml_writer *writer, struct sink *sink, bool compact);

#endif
