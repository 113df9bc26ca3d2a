/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A new user namespace whose configuration says nothing of ids. The specification has no default;
 * crun's is taken: root gives it all ids that there are, under the same numbers; anybody else can
 * give his own alone, as root.
 */
#pragma once

struct error;
struct spec;

int default_map_add(struct spec *spec, struct error **err);
