"""Submissions for the tests of SubmitJob: jobs that stay RUNNABLE, because no instance is large
enough."""

RUNNABLE_FOR_EVER = {"vcpus": 2, "memory": 900000}
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def register(batch, shared_work, container=None, **members):
    """A definition that the Work fixture does not make: its name."""
    name = f"d-{shared_work.queues[0]}-{register.n}"
    register.n += 1
    batch.register_job_definition(
        **(
            {
                "jobDefinitionName": name,
                "type": "container",
                "containerProperties": {
                    "image": shared_work.image,
                    "resourceRequirements": [
                        {"type": "VCPU", "value": "2"},
                        {"type": "MEMORY", "value": "900000"},
                    ],
                }
                | (container or {}),
            }
            | members
        )
    )
    return name


register.n = 0
