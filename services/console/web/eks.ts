// EKS jobs: DescribeJobs shows a pod, of one or more containers, where other jobs have a container.
// The screens show it as they show a container; the JSON shows all of it.

import { Attempt, Container, ContainerSummary, Job, Pair, Pod, PodContainer, Requirement } from "./types";

/** What all containers request together; a limit counts as the request if there is none. */
export function podRequirements(pod: Pod | undefined): Requirement[] {
  const sum = (resource: string) =>
    (pod?.containers ?? [])
      .map(({ resources: r }) => r?.requests?.[resource] ?? r?.limits?.[resource] ?? "0")
      .reduce((all, amount) => all + parseFloat(amount), 0);
  const types: [string, string][] = [
    ["VCPU", "cpu"],
    ["MEMORY", "memory"],
    ["GPU", "nvidia.com/gpu"],
  ];
  return types.flatMap(([type, resource]) => {
    const value = sum(resource);
    return value > 0 ? [{ type, value: String(value) }] : [];
  });
}

/** How a pod ended: by the first container that failed, or else by the first one. */
function endOf(containers: ContainerSummary[]): ContainerSummary {
  const { exitCode, reason } = containers.find((c) => c.exitCode) ?? containers[0] ?? {};
  return { ...(exitCode === undefined ? {} : { exitCode }), ...(reason ? { reason } : {}) };
}

/** The container of a job; of an EKS job its first one, as if it were one. */
export function containerOf(job: Job): Container | undefined {
  const pod = job.eksProperties?.podProperties;
  const first = pod?.containers?.[0];
  if (!first) return job.container;
  return {
    ...(first.image ? { image: first.image } : {}),
    command: [...(first.command ?? []), ...(first.args ?? [])],
    environment: first.env ?? [],
    resourceRequirements: podRequirements(pod),
    ...(pod?.nodeName ? { containerInstanceArn: pod.nodeName } : {}),
    ...endOf(pod?.containers ?? []),
  };
}

/** The attempts that have ended. */
export function attemptsOf(job: Job): Attempt[] {
  if (!job.eksProperties) return job.attempts ?? [];
  return (job.eksAttempts ?? []).map((a) => ({
    ...(a.startedAt ? { startedAt: a.startedAt } : {}),
    ...(a.stoppedAt ? { stoppedAt: a.stoppedAt } : {}),
    ...(a.statusReason ? { statusReason: a.statusReason } : {}),
    container: {
      ...endOf(a.containers ?? []),
      ...(a.nodeName ? { containerInstanceArn: a.nodeName } : {}),
    },
  }));
}

/** As overrides, a pod that was made of a definition and overrides gives the same pod. more: goes to
 * the environment of each container, in place of pairs of the same name. */
export function podOverride(pod: Pod, more: Pair[] = []): object {
  const own = ({ name, image, command, args, env, resources }: PodContainer) => {
    const others = (env ?? []).filter((pair) => !more.some((one) => one.name === pair.name));
    const pairs = [...others, ...more];
    return {
      ...(name ? { name } : {}),
      ...(image ? { image } : {}),
      ...(command?.length ? { command } : {}),
      ...(args?.length ? { args } : {}),
      ...(pairs.length ? { env: pairs } : {}),
      ...(resources ? { resources } : {}),
    };
  };
  return { podProperties: { containers: (pod.containers ?? []).map(own) } };
}
