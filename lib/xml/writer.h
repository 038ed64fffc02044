/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Metadata as XML, byte for byte in the form that the tools of thin-provisioning-tools print.
 *
 * Two dialects: one <bit> for each bit of a writeset, or <marked> runs of the set ones.
 */
#ifndef ERA_XML_WRITER_H
#define ERA_XML_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/sink.h"
#include "era/stream.h"

struct xml_writer {
	struct sink *sink;
	bool compact;             /* <marked> instead of <bit> */
	uint32_t nr_bits;         /* of the writeset being written */
	uint64_t next;            /* bit or block */
	uint64_t run_begin, run_end; /* set bits not written yet */
};

/* Both must outlive the stream. */
struct era_stream xml_writer_stream(struct xml_writer *writer, struct sink *sink, bool compact);

#endif
