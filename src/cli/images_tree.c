/* SPDX-License-Identifier: Apache-2.0 */
/*
 * images --tree:
 *
 *   IMAGE                      ID             DISK USAGE   CONTENT SIZE   SHARED     USED
 *   web:1
 *   web:latest                 01f1f7742809   277MB        98.2MB                    ✔
 *   ├─ #(nop) ADD file:8b…     43650d30ed14   124MB        49.6MB         3 images
 *   └─ RUN apt-get install …   f836a16981e4   153MB        48.6MB
 *
 * Layers stand in the order in which they were made, by their diff id, with what made them. Disk
 * usage is all that the store keeps of a layer, content size what a pull or a push transfers.
 */
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "base/error.h"
#include "cli/image_text.h"
#include "cli/images.h"
#include "cli/table.h"
#include "engine/container.h"
#include "engine/image_history.h"

#define STEP_MAX 45 /* characters of what made a layer */

struct tree {
	struct engine *engine;
	bool full;
	strv used; /* images of containers */
	struct digest *layers; /* of every image, each once; sorted */
	size_t layer_count;
	struct buf out;
};

/* ---- which layers are shared ---- */

static int compare_digests(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(struct digest));
}

static bool is_repeated(const struct image_config *config, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (compare_digests(&config->diff_ids[i], &config->diff_ids[n]) == 0)
			return true;
	return false;
}

static int collect_layers(struct tree *tree, struct error **err)
{
	cleanup_image_list struct image_list all = { .items = NULL };

	if (image_list_read(tree->engine, NULL, NULL, &all, err) < 0)
		return -1;
	for (size_t i = 0; i < all.count; i++) {
		cleanup_image_config struct image_config config = { 0 };

		if (store_read_config(&tree->engine->store, &all.items[i].row.id, &config, err) < 0)
			return -1;
		tree->layers = xrealloc(tree->layers, tree->layer_count + config.layer_count + 1,
			sizeof(*tree->layers));
		for (size_t n = 0; n < config.layer_count; n++)
			if (!is_repeated(&config, n))
				tree->layers[tree->layer_count++] = config.diff_ids[n];
	}
	qsort(tree->layers, tree->layer_count, sizeof(*tree->layers), compare_digests);
	return 0;
}

static size_t count_images(const struct tree *tree, const struct digest *diff_id)
{
	const struct digest *end = tree->layers + tree->layer_count, *last;
	const struct digest *found = bsearch(
		diff_id, tree->layers, tree->layer_count, sizeof(*tree->layers), compare_digests);

	if (!found)
		return 0;
	while (found > tree->layers && compare_digests(found - 1, diff_id) == 0)
		found--;
	for (last = found; last < end && compare_digests(last, diff_id) == 0;)
		last++;
	return (size_t)(last - found);
}

static int add_used(
	const struct container_row *row, const struct container_status *status, void *arg)
{
	struct tree *tree = arg;

	(void)status;
	if (!strv_contains(tree->used, row->image_id))
		strv_append(&tree->used, row->image_id);
	return 0;
}

/* ---- drawing ---- */

static void put_names(struct tree *tree, const struct listed_image *image)
{
	char *const *names = image->tags ? image->tags : image->digests;

	for (; names && names[0] && names[1]; names++)
		buf_printf(&tree->out, "%s\n", names[0]);
	buf_puts(&tree->out, names && names[0] ? names[0] : "<untagged>");
}

static int64_t disk_usage(const struct tree *tree, const struct image_step *step)
{
	return step->diff_id ? store_layer_size(&tree->engine->store, &step->layer) : 0;
}

static void put_image(
	struct tree *tree, const struct listed_image *image, const struct image_steps *steps)
{
	cleanup_free char *id = image_id_text(&image->row.id, tree->full);
	cleanup_free char *full_id = image_id_text(&image->row.id, true);
	bool is_used = strv_contains(tree->used, full_id);
	char disk[CLOCK_TEXT_MAX], content[CLOCK_TEXT_MAX];
	int64_t content_total = 0, disk_total = 0;

	for (size_t i = 0; i < steps->count; i++) {
		content_total += steps->items[i].content;
		disk_total += disk_usage(tree, &steps->items[i]);
	}
	put_names(tree, image);
	buf_printf(&tree->out, "\t%s\t%s\t%s\t\t%s\n", id, size_human((uint64_t)disk_total, disk),
		size_human((uint64_t)content_total, content), is_used ? "\xe2\x9c\x94" : "");
}

/* What the classic builder writes before instructions that run nothing. */
static const char *without_prefix(const char *text)
{
	static const char prefix[] = "/bin/sh -c #(nop) ";

	if (strncmp(text, prefix, strlen(prefix)) == 0)
		text += strlen(prefix);
	return text + strspn(text, " ");
}

static char *step_text(const struct tree *tree, const struct image_history *history)
{
	const char *by = history && history->created_by ? without_prefix(history->created_by) : "";

	if (!*by && history && history->comment)
		by = history->comment;
	if (!*by)
		by = "(not in the history)";
	return tree->full ? one_line(by) : shortened(by, STEP_MAX);
}

static void put_layer(struct tree *tree, const struct image_step *step, bool is_last)
{
	cleanup_free char *text = step_text(tree, step->history);
	cleanup_free char *id = image_id_text(step->diff_id, tree->full);
	cleanup_free char *shared = NULL;
	size_t images = count_images(tree, step->diff_id);
	char disk[CLOCK_TEXT_MAX], content[CLOCK_TEXT_MAX];

	shared = images > 1 ? xasprintf("%zu images", images) : xstrdup("");
	buf_printf(&tree->out, "%s %s\t%s\t%s\t%s\t%s\t\n",
		is_last ? "\xe2\x94\x94\xe2\x94\x80" : "\xe2\x94\x9c\xe2\x94\x80", text, id,
		size_human((uint64_t)disk_usage(tree, step), disk),
		size_human((uint64_t)step->content, content), shared);
}

static int put_tree(struct tree *tree, const struct listed_image *image, struct error **err)
{
	cleanup_image_steps struct image_steps steps = { .items = NULL };
	size_t layers = 0, seen = 0;

	if (image_steps_read(tree->engine, &image->row, &steps, err) < 0)
		return -1;
	for (size_t i = 0; i < steps.count; i++)
		layers += steps.items[i].diff_id != NULL;
	put_image(tree, image, &steps);
	for (size_t i = 0; i < steps.count; i++)
		if (steps.items[i].diff_id)
			put_layer(tree, &steps.items[i], ++seen == layers);
	return 0;
}

static int draw(struct tree *tree, const struct image_list *list, struct error **err)
{
	if (container_each(tree->engine, true, add_used, tree, err) < 0 ||
		collect_layers(tree, err) < 0)
		return -1;
	buf_puts(&tree->out, "IMAGE\tID\tDISK USAGE\tCONTENT SIZE\tSHARED\tUSED\n");
	for (size_t i = 0; i < list->count; i++) {
		if (i > 0)
			buf_putc(&tree->out, '\n');
		if (put_tree(tree, &list->items[i], err) < 0)
			return -1;
	}
	return buf_check(&tree->out, "the tree", err);
}

int images_tree(struct engine *engine, const struct image_list *list, bool full, struct error **err)
{
	struct tree tree = { .engine = engine, .full = full, .out = BUF_INIT(BUF_LARGE) };
	int result = draw(&tree, list, err);

	if (result == 0)
		table_print(stdout, buf_text(&tree.out), TABLE_WIDTH);
	strv_free(tree.used);
	free(tree.layers);
	buf_done(&tree.out);
	return result;
}
