/* SPDX-License-Identifier: LGPL-2.1-or-later */
/* Copyright (C) 2026 The era-tools authors */
#include "target/control_stats.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

#define PREFIX "era_"
#define LABEL_MAX 4096
#define US_PER_S 1000000

enum figure_form {
	FIGURE_COUNTER, /* uint64_t */
	FIGURE_GAUGE,	/* uint64_t */
	FIGURE_ERA,	/* uint32_t */
	FIGURE_FLAG,	/* bool */
	FIGURE_SECONDS, /* struct histogram */
};

static const char *const types[] = {
	[FIGURE_COUNTER] = "counter", [FIGURE_GAUGE] = "gauge",	      [FIGURE_ERA] = "gauge",
	[FIGURE_FLAG] = "gauge",      [FIGURE_SECONDS] = "histogram",
};

struct figure {
	const char *name;
	enum figure_form form;
	size_t offset; /* in struct engine_stats */
	const char *help;
};

#define AT(field) offsetof(struct engine_stats, field)

static const struct figure figures[] = {
	{"current_era", FIGURE_ERA, AT(era), "The era that writes belong to now."},
	{"marks_total", FIGURE_COUNTER, AT(marks),
	 "Requests that had to wait until their blocks were marked."},
	{"mark_wait_seconds", FIGURE_SECONDS, AT(mark_wait), "How long these waited."},
	{"commits_total", FIGURE_COUNTER, AT(commits), "Commits of the metadata."},
	{"commit_seconds", FIGURE_SECONDS, AT(commit), "How long a commit took."},
	{"metadata_flushes_total", FIGURE_COUNTER, AT(flushes), "Flushes of the metadata device."},
	{"metadata_written_blocks_total", FIGURE_COUNTER, AT(blocks_written),
	 "Metadata blocks written."},
	{"begin_era_seconds", FIGURE_SECONDS, AT(begin_era),
	 "How long the messages took that began an era."},
	{"origin_flushes_total", FIGURE_COUNTER, AT(origin_flushes),
	 "Flushes of the origin for messages."},
	{"origin_flush_seconds", FIGURE_SECONDS, AT(origin_flush), "How long these took."},
	{"writesets_digested_total", FIGURE_COUNTER, AT(digested),
	 "Writesets that were written into the era array."},
	{"writesets_waiting", FIGURE_GAUGE, AT(waiting), "Writesets that wait for that."},
	{"origin_bytes", FIGURE_GAUGE, AT(origin_bytes), "Bytes of the origin."},
	{"metadata_blocks", FIGURE_GAUGE, AT(total), "Metadata blocks that there are."},
	{"metadata_used_blocks", FIGURE_GAUGE, AT(used), "Metadata blocks in use."},
	{"metadata_spare_blocks", FIGURE_GAUGE, AT(spare),
	 "Metadata blocks that can be taken before no era can be begun."},
	{"metadata_snapshot_held", FIGURE_FLAG, AT(has_snapshot),
	 "Whether a metadata snapshot is held."},
	{"requests_in_flight", FIGURE_GAUGE, AT(in_flight),
	 "Writes, zeroings and trims that are under way."},
	{"paused", FIGURE_FLAG, AT(is_paused), "Whether requests are held back by a pause."},
	{"read_only", FIGURE_FLAG, AT(is_read_only), "Whether nothing can be marked any more."},
	{"origin_flush_failed", FIGURE_FLAG, AT(is_unflushed),
	 "Whether a flush of the origin has failed, so that no era is given out."},
};

static uint64_t figure_value(const struct figure *f, const struct engine_stats *stats)
{
	const void *at = (const char *)stats + f->offset;

	switch (f->form) {
	case FIGURE_ERA:
		return *(const uint32_t *)at;
	case FIGURE_FLAG:
		return *(const bool *)at;
	case FIGURE_COUNTER:
	case FIGURE_GAUGE:
	case FIGURE_SECONDS:
		break;
	}
	return *(const uint64_t *)at;
}

static const struct histogram *figure_histogram(const struct figure *f,
						const struct engine_stats *stats)
{
	return (const void *)((const char *)stats + f->offset);
}

static void put_seconds(FILE *out, uint64_t us)
{
	fprintf(out, "%" PRIu64 ".%06" PRIu64, us / US_PER_S, us % US_PER_S);
}

static void put_line(FILE *out, const struct figure *f, const struct engine_stats *stats,
		     const char *label)
{
	const struct histogram *h = figure_histogram(f, stats);

	(void)label;
	if (f->form != FIGURE_SECONDS) {
		fprintf(out, "%s %" PRIu64 "\n", f->name, figure_value(f, stats));
		return;
	}
	fprintf(out, "%s_count %" PRIu64 "\n%s_sum ", f->name, histogram_total(h), f->name);
	put_seconds(out, h->sum_us);
	fputc('\n', out);
}

/* As a label's value wants it: a backslash and a quote each behind a backslash. */
static void make_label(const char *name, char *to, size_t size)
{
	char plain[LABEL_MAX / 2];
	size_t len = 0;

	utf8_escape(name, plain, sizeof(plain));
	for (const char *c = plain; *c && len + 2 < size; c++) {
		if (*c == '\\' || *c == '"')
			to[len++] = '\\';
		to[len++] = *c;
	}
	to[len] = '\0';
}

static void put_buckets(FILE *out, const struct figure *f, const struct histogram *h,
			const char *label)
{
	uint64_t nr = 0;

	for (unsigned i = 0; i < HISTOGRAM_NR_BOUNDS; i++) {
		nr += h->nr[i];
		fprintf(out, PREFIX "%s_bucket{metadata=\"%s\",le=\"", f->name, label);
		put_seconds(out, histogram_bounds_us[i]);
		fprintf(out, "\"} %" PRIu64 "\n", nr);
	}
	nr += h->nr[HISTOGRAM_NR_BOUNDS];
	fprintf(out, PREFIX "%s_bucket{metadata=\"%s\",le=\"+Inf\"} %" PRIu64 "\n", f->name, label,
		nr);
	fprintf(out, PREFIX "%s_sum{metadata=\"%s\"} ", f->name, label);
	put_seconds(out, h->sum_us);
	fprintf(out, "\n" PREFIX "%s_count{metadata=\"%s\"} %" PRIu64 "\n", f->name, label, nr);
}

static void put_metric(FILE *out, const struct figure *f, const struct engine_stats *stats,
		       const char *label)
{
	fprintf(out, "# HELP " PREFIX "%s %s\n# TYPE " PREFIX "%s %s\n", f->name, f->help, f->name,
		types[f->form]);
	if (f->form == FIGURE_SECONDS)
		put_buckets(out, f, figure_histogram(f, stats), label);
	else
		fprintf(out, PREFIX "%s{metadata=\"%s\"} %" PRIu64 "\n", f->name, label,
			figure_value(f, stats));
}

/* All figures, as `put` writes them. */
static char *write_figures(struct engine *e, const char *label,
			   void (*put)(FILE *out, const struct figure *f,
				       const struct engine_stats *stats, const char *label))
{
	struct engine_stats stats;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return NULL;
	engine_stats(e, &stats);
	for (size_t i = 0; i < ARRAY_SIZE(figures); i++)
		put(out, &figures[i], &stats, label);
	if (!fclose(out))
		return text;
	free(text);
	return NULL;
}

char *control_stats_lines(struct engine *e)
{
	return write_figures(e, NULL, put_line);
}

char *control_stats_prometheus(struct engine *e)
{
	char label[LABEL_MAX];

	make_label(engine_metadata_name(e), label, sizeof(label));
	return write_figures(e, label, put_metric);
}
