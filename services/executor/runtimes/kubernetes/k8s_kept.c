/* See k8s_kept.h. A place is noted when a line is passed on, and kept once the broker has it. So an
 * executor that goes on there leaves nothing out, and repeats only what the api knows by its
 * offsets. Owns the member "output" of a run in the spool, which survives the process, not the
 * machine: without it the output is read from its beginning. Thread: the loop's. */
#include "k8s_kept.h"

#include "ob/json.h"
#include "ob/message.h"

#define EVERY_MS 10000
#define EVERY_BYTES (1 << 20)
/* More than can have been sent after a place that was kept: what lies between two places, and what
 * is on its way at a time (output.c). */
#define JUMP_BYTES (8 << 20)

static void write_place(k8s_run *r, const k8s_place_of_output *place)
{
    spool *s = r->k->base.config.spool;
    if (!spool_get(s, r->run))
        return; /* its end was confirmed */
    spool_set(s, r->run, "output",
              json_pack("[I, I, I, I, I, I]", (json_int_t)place->offset,
                        (json_int_t)place->container, (json_int_t)place->mark.max_ns,
                        (json_int_t)place->mark.at_ns, (json_int_t)place->mark.hash,
                        (json_int_t)place->mark.pieces),
              false);
}

void k8s_kept_note(k8s_run *r)
{
    k8s_output *o = &r->out;
    const k8s_place_of_output *last = &o->last_noted;
    int64_t now_ms = ob_boot_ms();
    bool is_first = !o->noted_ms || last->container != o->container;
    bool is_due =
        is_first || now_ms - o->noted_ms >= EVERY_MS || o->offset - last->offset >= EVERY_BYTES;
    if (!is_due || o->n_noted == K8S_NOTED)
        return;
    o->last_noted = (k8s_place_of_output){ o->offset, o->container, o->mark };
    o->noted[o->n_noted++] = o->last_noted;
    o->noted_ms = now_ms;
}

void k8s_kept_delivered(k8s_run *r, int64_t offset)
{
    k8s_output *o = &r->out;
    size_t n = 0;
    while (n < o->n_noted && o->noted[n].offset <= offset)
        n++;
    if (n == 0)
        return;
    write_place(r, &o->noted[n - 1]);
    o->n_noted -= n;
    memmove(o->noted, o->noted + n, o->n_noted * sizeof(*o->noted));
}

void k8s_kept_recall(k8s_run *r)
{
    k8s_output *o = &r->out;
    const json_t *kept = json_object_get(spool_get(r->k->base.config.spool, r->run), "output");
    json_int_t at[6];
    for (size_t i = 0; i < ARRAY_SIZE(at); i++) {
        const json_t *one = json_array_get(kept, i);
        if (!json_is_integer(one))
            return;
        at[i] = json_integer_value(one);
    }
    o->offset = at[0];
    o->container = (size_t)at[1];
    o->mark = (k8s_mark){
        .any = true, .max_ns = at[2], .at_ns = at[3], .hash = (uint64_t)at[4], .pieces = at[5]
    };
    o->is_headed = true;
    o->is_recalled = true;
}

/* Only the offset moves: nothing that follows was delivered yet. */
void k8s_kept_jump(k8s_run *r)
{
    spool *s = r->k->base.config.spool;
    r->out.offset += JUMP_BYTES;
    json_t *kept = json_copy(json_object_get(spool_get(s, r->run), "output"));
    if (kept) {
        (void)json_array_set_new(kept, 0, json_integer(r->out.offset));
        spool_set(s, r->run, "output", kept, false);
    }
    if (ON(r->k)->output_at)
        ON(r->k)->output_at(r->run, r->out.offset, ON(r->k)->arg);
}
