// What the api answers, as far as the screens show it (AWS Batch and CloudWatch Logs API references).

export const STATES = [
  "SUBMITTED",
  "PENDING",
  "RUNNABLE",
  "STARTING",
  "RUNNING",
  "SUCCEEDED",
  "FAILED",
] as const;
export type State = typeof STATES[number];

export interface Pair {
  name?: string;
  value?: string;
}
export interface Requirement {
  type: string;
  value: string;
}

export interface ContainerSummary {
  exitCode?: number;
  reason?: string;
}
export interface JobSummary {
  jobId: string;
  jobArn: string;
  jobName: string;
  jobDefinition?: string;
  status: State;
  statusReason?: string;
  createdAt: number;
  startedAt?: number;
  stoppedAt?: number;
  container?: ContainerSummary;
  arrayProperties?: { size?: number; index?: number };
}

export interface Attempt {
  startedAt?: number;
  stoppedAt?: number;
  statusReason?: string;
  container?: ContainerSummary & {
    containerInstanceArn?: string;
    taskArn?: string;
    logStreamName?: string;
  };
}
/** What DescribeAttempts adds; a member is absent if nobody knows it. */
export interface AttemptPhases {
  attempt: number;
  runnableAt?: number;
  placedAt?: number;
  pulledAt?: number;
  createdAt?: number;
  startedAt?: number;
  stoppedAt?: number;
  cpuSeconds?: number;
  peakMemoryBytes?: number;
  logStreamName?: string;
}
/** A job that waits for another one. */
export interface Dependent {
  jobId: string;
  jobName: string;
  jobQueue: string;
  status: State;
  dependsOn: string;
  type?: string;
}
export interface Container extends ContainerSummary {
  image?: string;
  command?: string[];
  environment?: Pair[];
  secrets?: { name: string; valueFrom: string }[];
  resourceRequirements?: Requirement[];
  containerInstanceArn?: string;
  taskArn?: string;
  logStreamName?: string;
  logConfiguration?: { logDriver?: string; options?: Record<string, string> };
}
export interface PodContainer extends ContainerSummary {
  name?: string;
  image?: string;
  command?: string[];
  args?: string[];
  env?: Pair[];
  resources?: { limits?: Record<string, string>; requests?: Record<string, string> };
}
export interface Pod {
  containers?: PodContainer[];
  podName?: string;
  nodeName?: string;
}
export interface EksAttempt {
  startedAt?: number;
  stoppedAt?: number;
  statusReason?: string;
  podName?: string;
  nodeName?: string;
  containers?: ContainerSummary[];
}
export interface Dependency {
  jobId?: string;
  type?: string;
}
export interface Job extends JobSummary {
  jobQueue: string;
  dependsOn?: Dependency[];
  parameters?: Record<string, string>;
  container?: Container;
  attempts?: Attempt[];
  eksProperties?: { podProperties?: Pod };
  eksAttempts?: EksAttempt[];
  retryStrategy?: { attempts?: number };
  timeout?: { attemptDurationSeconds?: number };
  shareIdentifier?: string;
  schedulingPriority?: number;
  tags?: Record<string, string>;
  propagateTags?: boolean;
  isCancelled?: boolean;
  isTerminated?: boolean;
  arrayProperties?: { size?: number; index?: number; statusSummary?: Record<string, number> };
}

/** How many jobs, or children of arrays, are in each state. */
export type Counts = Partial<Record<State, number>>;
export interface Counted {
  jobQueueName: string;
  jobQueueArn: string;
  jobs: Counts;
  children: Counts;
}

export interface ArrayPicture {
  arraySize: number;
  etag?: string;
  /** A letter a child (docs/access.md); absent: nothing has changed since the etag asked with. */
  states?: string;
}

/** Bars of run times in milliseconds; those without a child are left out. */
export interface ArrayTimes {
  bars: { from: number; to: number; succeeded: number; failed: number }[];
  least?: number;
  median?: number;
  most?: number;
}

export interface StopProgress {
  stopId: string;
  status: "WAITING" | "RUNNING" | "FINISHED";
  looked: number;
  matched: number;
}

export interface TimeLimit {
  reason: string;
  state: string;
  maxTimeSeconds: number;
  action: string;
}
export interface Queue {
  jobQueueName: string;
  jobQueueArn: string;
  state: string;
  status: string;
  statusReason?: string;
  priority: number;
  schedulingPolicyArn?: string;
  computeEnvironmentOrder: { order: number; computeEnvironment: string }[];
  jobStateTimeLimitActions?: TimeLimit[];
}
export interface Snapshot {
  frontOfQueue?: { jobs: { jobArn: string; earliestTimeAtPosition: number }[]; lastUpdatedAt?: number };
  queueUtilization?: {
    totalCapacityUsage?: { capacityUnit: string; quantity: number }[];
    fairshareUtilization?: {
      activeShareCount: number;
      topCapacityUtilization: {
        shareIdentifier: string;
        capacityUsage: { capacityUnit: string; quantity: number }[];
      }[];
    };
  };
}
export interface Policy {
  arn: string;
  name: string;
  fairsharePolicy?: {
    shareDecaySeconds?: number;
    computeReservation?: number;
    shareDistribution?: { shareIdentifier: string; weightFactor?: number }[];
  };
}

export interface Environment {
  computeEnvironmentName: string;
  computeEnvironmentArn: string;
  type: string;
  state: string;
  status: string;
  statusReason?: string;
  unmanagedvCpus?: number;
  containerOrchestrationType?: string;
  computeResources?: {
    type: string;
    allocationStrategy?: string;
    minvCpus?: number;
    maxvCpus: number;
    desiredvCpus?: number;
    instanceTypes?: string[];
    bidPercentage?: number;
  };
}

export interface Size {
  vcpus: number;
  memory: number;
  gpus: number;
}
export interface Instance {
  instanceId: string;
  instanceType: string;
  status: string;
  statusReason?: string;
  spot: boolean;
  capacity: Size;
  used: Size & { runs: number };
  launchedAt?: number;
  activeAt?: number;
  drainUntil?: number;
  endedAt?: number;
  mayFail?: boolean;
}
export interface InstancePage {
  instances: Instance[];
  shortages: string[];
  nextToken?: string;
}
/** Of a job that the key may not see there are only the vCPUs. */
export interface Run extends Partial<Size> {
  vcpus: number;
  jobId?: string;
  jobName?: string;
  jobQueue?: string;
  status?: State;
  attempt?: number;
  startedAt?: number;
  stopping?: boolean;
}
export interface InstanceRuns extends Instance {
  runs: Run[];
  nextToken?: string;
}

/** A point of use over time (docs/access.md): of a queue or of an environment. */
export interface UsagePoint {
  at: number;
  usedvCpus: number;
  maxUsedvCpus: number;
  placed?: number;
  runnable?: number;
  maxRunnable?: number;
  succeeded?: number;
  failed?: number;
  provisionedvCpus?: number;
  instances?: number;
  desiredvCpus?: number;
  maxvCpus?: number;
}
export interface Usage {
  points: UsagePoint[];
  startTime: number;
  endTime: number;
  step: number;
}

export interface Definition {
  jobDefinitionName: string;
  jobDefinitionArn: string;
  revision: number;
  status: string;
  type: string;
  parameters?: Record<string, string>;
  containerProperties?: Container;
  eksProperties?: { podProperties?: Pod };
  platformCapabilities?: string[];
  [member: string]: unknown;
}

export interface AccessKey {
  accessKeyId: string;
  name: string;
  root: boolean;
  createdAt: number;
  policy?: string;
}
export interface AccessAnswer {
  accessKeyId: string;
  operation: string;
  allowed: boolean;
  /** Its answer leaves out what the key may not see. */
  byEntry: boolean;
  reason?: string;
}

/** A metric of a service (docs/metrics.md). */
export interface Sample {
  name: string;
  labels: Record<string, string>;
  value: number;
}
export interface SystemAnswer {
  now: number;
  leaders: { role: string; epoch: number; round: number; holder: string }[];
  database: {
    version: string;
    bytes: number;
    schemaVersion: number;
    connections: number;
    startedAt: number;
  };
  retention: { jobSeconds: number; logSeconds: number };
  metrics: Sample[];
}

export interface LogEvent {
  timestamp: number;
  message: string;
  ingestionTime?: number;
  eventId?: string;
}

export interface Health {
  ok: boolean;
  depends?: Record<string, { ok: boolean; required?: boolean; text?: string }>;
}
