/* The store of images of the OCI runtime: each image is unpacked once into a folder, which all its
 * containers share as the lower layer of an overlay mount. All is asynchronous, on the executor's
 * loop; no function calls back. Several processes (the executors of this host, the verb `image`)
 * may use one store at the same time. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "event_loop.h"
#include "ob/error.h"

typedef struct oci_images oci_images;
typedef struct oci_image_wait oci_image_wait;

typedef struct oci_images_config {
    loop *loop;
    const char *dir;         /* of the store; made if it is missing (borrowed) */
    int64_t limit_bytes;     /* of all roots; what is in use or was loaded stays; 0: no limit */
    int64_t pull_stall_ms;   /* time without progress after which a pull fails */
    const char *credentials; /* a config.json (auths); empty: the user's own (borrowed) */
    const char *engine;      /* DOCKER_HOST of an engine to copy images from; empty: none */
    const char *program;     /* openbatch-image; NULL: the one beside this program */
    /* A pull has ended; may be NULL. */
    void (*pulled)(bool ok, int64_t took_ms, void *arg);
    void *arg;
} oci_images_config;

/* An image in use. All members are borrowed and valid until the use is released. */
typedef struct oci_image {
    const char *id;       /* the digest of its configuration: the folder's name, hexadecimal */
    const char *root;     /* absolute path of the unpacked root; nobody writes to it */
    const json_t *config; /* `config` of the image's configuration: Entrypoint, Cmd, Env, User,
                             WorkingDir, StopSignal, Volumes; an object, perhaps empty */
    /* A descriptor (close-on-exec) with a shared lock of the image. While any process has it open
     * the image is not evicted, so a container's keeper inherits it. */
    int lock_fd;
} oci_image;

typedef struct oci_image_request {
    const char *name;     /* as a job names it; without tag or digest: latest */
    const char *platform; /* in Docker's form, linux/arm64; NULL: this host's */
    /* The text of the job's own secret, {"username", "password"}; NULL: the store's credentials.
     * Never logged. */
    const char *login;
} oci_image_request;

/* image: a use, to be released; NULL: error says why there is none, for a user, without a prefix
 * ("CannotPullContainerError" is the caller's). */
typedef void (*oci_images_on_ready)(const oci_image *image, const char *error, void *arg);

/* Takes little time: reads the list of what is there. Errors: -errno. */
int oci_images_new(const oci_images_config *config, oci_images **ret, ob_error *err);
/* Ends its pulls. All uses and waits are over. */
void oci_images_free(oci_images *store);

/* The image if it is there, unpacked, for that platform: a new use; NULL: it is to be waited for,
 * also to look whether a Docker engine that it came from has another one of that name now. Fast: it
 * may be called for each container. */
const oci_image *oci_images_get(oci_images *store, const oci_image_request *request);
/* Pulls and unpacks it, once for all that wait for the same image, platform and login, and calls fn
 * once from the loop. A pull for which nobody waits any more continues. The request is copied. */
oci_image_wait *oci_images_wait(oci_images *store,
                                const oci_image_request *request,
                                oci_images_on_ready fn,
                                void *arg);
/* fn will not be called. */
void oci_images_leave(oci_image_wait *wait);
/* The image of a container that an earlier process started: a new use; NULL: it is gone. */
const oci_image *oci_images_hold(oci_images *store, const char *id);
/* Ends a use. May start an eviction, which never takes an image whose lock is held or whose root is
 * the lower layer of a mount. */
void oci_images_release(oci_images *store, const oci_image *image);
