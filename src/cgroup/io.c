/* SPDX-License-Identifier: Apache-2.0 */
/* Block devices: weights and rates. */
#include <inttypes.h>
#include <stdio.h>

#include "base/error.h"
#include "cgroup/limits.h"

#define AT(member) offsetof(struct spec_resources, member)

/* blkio's 10..1000 to io.weight's 1..10000, linear as the OCI runtimes do. */
uint64_t cgroup_io_weight(uint64_t weight)
{
	return weight <= 10 ? 1 : 1 + (weight - 10) * 9999 / 990;
}

static void write_io_weight(int64_t value, char ret[static VALUE_MAX])
{
	cgroup_write_number((int64_t)cgroup_io_weight((uint64_t)value), ret);
}

static const struct cgroup_limit weights[] = {
	{ "--blkio-weight", AT(blkio_weight), CONTROLLER_IO, 10, 1000,
		{ { "blkio.bfq.weight", cgroup_write_number },
			{ "blkio.weight", cgroup_write_number } },
		{ { "io.bfq.weight", cgroup_write_number }, { "io.weight", write_io_weight } },
		false, false },
	{ "blockIO.leafWeight", AT(blkio_leaf_weight), CONTROLLER_IO, 10, 1000,
		{ { "blkio.leaf_weight", cgroup_write_number } }, { { NULL, NULL } }, false,
		false },
};
#define WEIGHT_COUNT (sizeof(weights) / sizeof(*weights))

static const struct throttle_limit {
	const char *flag, *v1_file, *v2_key;
	size_t at;
} throttles_table[] = {
	{ "--device-read-bps", "blkio.throttle.read_bps_device", "rbps", AT(read_bps) },
	{ "--device-write-bps", "blkio.throttle.write_bps_device", "wbps", AT(write_bps) },
	{ "--device-read-iops", "blkio.throttle.read_iops_device", "riops", AT(read_iops) },
	{ "--device-write-iops", "blkio.throttle.write_iops_device", "wiops", AT(write_iops) },
};
#define THROTTLE_COUNT (sizeof(throttles_table) / sizeof(*throttles_table))

static const struct spec_throttles *throttles_at(const struct spec_resources *limits, size_t at)
{
	return (const struct spec_throttles *)((const char *)limits + at);
}

static int apply_throttles(struct cgroup *cgroup, const struct throttle_limit *limit,
	const struct spec_throttles *throttles, struct error **err)
{
	const struct cgroup_hierarchy *hierarchy =
		cgroup_limit_find(cgroup, CONTROLLER_IO, limit->flag, err);
	struct cgroup_file file = { cgroup, hierarchy, limit->v1_file };

	if (!hierarchy)
		return -1;
	if (hierarchy->v2)
		file.name = "io.max";
	for (size_t i = 0; i < throttles->count; i++) {
		const struct spec_throttle *item = &throttles->items[i];
		char text[2 * VALUE_MAX], rate[VALUE_MAX];

		(void)snprintf(rate, sizeof(rate), "%" PRIu64, item->rate);
		if (hierarchy->v2)
			(void)snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %s=%s",
				item->major, item->minor, limit->v2_key, item->rate ? rate : "max");
		else
			(void)snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %s",
				item->major, item->minor, rate);
		if (cgroup_limit_put(limit->flag, &file, text, err) < 0)
			return -1;
	}
	return 0;
}

/* The same for one device: "8:0 500". */
static int put_weight(struct cgroup *cgroup, const struct spec_weight_device *device,
	const struct cgroup_form forms[FORMS_MAX], int64_t value, struct error **err)
{
	static const char flag[] = "blockIO.weightDevice";
	struct cgroup_file file = { .cgroup = cgroup };

	file.hierarchy = cgroup_limit_find(cgroup, CONTROLLER_IO, flag, err);
	if (!file.hierarchy)
		return -1;
	for (size_t i = 0; i < FORMS_MAX && forms[i].file; i++) {
		struct error *failed = NULL;
		char text[2 * VALUE_MAX], weight[VALUE_MAX];

		forms[i].write(value, weight);
		(void)snprintf(text, sizeof(text), "%" PRId64 ":%" PRId64 " %s", device->major,
			device->minor, weight);
		file.name = forms[i].file;
		if (cgroup_file_write(&file, text, &failed) == 0)
			return 0;
		error_free(take_ptr(*err));
		*err = failed;
		if (error_errno(failed) != ENOENT)
			break;
	}
	return cgroup_limit_failed(flag, &file, err);
}

static int apply_device(
	struct cgroup *cgroup, const struct spec_weight_device *device, struct error **err)
{
	static const struct cgroup_form v1[FORMS_MAX] = { { "blkio.bfq.weight_device",
								  cgroup_write_number },
		{ "blkio.weight_device", cgroup_write_number } };
	static const struct cgroup_form v2[FORMS_MAX] = { { "io.bfq.weight", cgroup_write_number },
		{ "io.weight", write_io_weight } };
	static const struct cgroup_form leaf[FORMS_MAX] = { { "blkio.leaf_weight_device",
		cgroup_write_number } };
	const struct cgroup_hierarchy *hierarchy = cgroup->host->of[CONTROLLER_IO];
	bool is_v2 = hierarchy && hierarchy->v2;

	if (cgroup_is_set(device->weight) &&
		put_weight(cgroup, device, is_v2 ? v2 : v1, device->weight, err) < 0)
		return -1;
	if (!cgroup_is_set(device->leaf_weight))
		return 0;
	if (is_v2)
		return error_new(err, ERROR_UNSUPPORTED,
			"blockIO.weightDevice: cgroup v2 has no leaf weights");
	return put_weight(cgroup, device, leaf, device->leaf_weight, err);
}

int cgroup_io_apply(struct cgroup *cgroup, const struct spec_resources *limits, struct error **err)
{
	for (size_t i = 0; i < WEIGHT_COUNT; i++)
		if (cgroup_limit_apply(cgroup, &weights[i], limits, err) < 0)
			return -1;
	for (size_t i = 0; i < limits->weight_device_count; i++)
		if (apply_device(cgroup, &limits->weight_devices[i], err) < 0)
			return -1;
	for (size_t i = 0; i < THROTTLE_COUNT; i++) {
		const struct spec_throttles *list = throttles_at(limits, throttles_table[i].at);

		if (list->count > 0 && apply_throttles(cgroup, &throttles_table[i], list, err) < 0)
			return -1;
	}
	return 0;
}

unsigned int cgroup_io_asked(const struct spec_resources *limits)
{
	bool asked = cgroup_is_set(limits->blkio_weight) ||
		     cgroup_is_set(limits->blkio_leaf_weight) || limits->weight_device_count > 0;

	for (size_t i = 0; i < THROTTLE_COUNT; i++)
		asked = asked || throttles_at(limits, throttles_table[i].at)->count > 0;
	return asked ? 1U << CONTROLLER_IO : 0;
}
