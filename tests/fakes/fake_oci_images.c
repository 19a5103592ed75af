/* The store of images with one image in it, in place of the real one (oci_images.h): its root is
 * the folder `root` of the store. An image with "missing" in its name cannot be had. */
#include <string.h>
#include <unistd.h>

#include "runtimes/oci/oci_images.h"

struct oci_images {
    oci_image image;
    char *root;
    json_t *config;
    loop *loop;
};

struct oci_image_wait {
    loop *loop;
    loop_timer timer;
    oci_images_on_ready fn;
    void *arg;
};

/* What the image says of itself; the test may change it. */
const char *fake_image_config = "{}";

int oci_images_new(const oci_images_config *config, oci_images **ret, ob_error *err)
{
    oci_images *store = ob_calloc(1, sizeof(*store));
    store->loop = config->loop;
    store->root = ob_strf("%s/root", config->dir);
    store->config = json_loads(fake_image_config, 0, NULL);
    store->image = (oci_image){
        .id = "1234", .root = store->root, .config = store->config, .lock_fd = dup(2)
    };
    *ret = store;
    return 0;
}

void oci_images_free(oci_images *store)
{
    json_decref(store->config);
    (void)close(store->image.lock_fd);
    free(store->root);
    free(store);
}

const oci_image *oci_images_get(oci_images *store, const oci_image_request *request)
{
    return strstr(request->name, "missing") ? NULL : &store->image;
}

static void on_time(void *arg)
{
    oci_image_wait *wait = arg;
    wait->fn(NULL, "there is no such image", wait->arg);
    oci_images_leave(wait);
}

oci_image_wait *oci_images_wait(oci_images *store,
                                const oci_image_request *request,
                                oci_images_on_ready fn,
                                void *arg)
{
    oci_image_wait *wait = ob_calloc(1, sizeof(*wait));
    *wait = (oci_image_wait){ .loop = store->loop, .fn = fn, .arg = arg };
    wait->timer = (loop_timer){ .fn = on_time, .arg = wait };
    loop_timer_set(store->loop, &wait->timer, 0);
    return wait;
}

void oci_images_leave(oci_image_wait *wait)
{
    loop_timer_stop(wait->loop, &wait->timer);
    free(wait);
}

const oci_image *oci_images_hold(oci_images *store, const char *id)
{
    return &store->image;
}

void oci_images_release(oci_images *store, const oci_image *image)
{
}
