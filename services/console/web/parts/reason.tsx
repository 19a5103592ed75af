// The reason of a stop, which the jobs will show.

interface Props {
  value: string;
  change: (value: string) => void;
}

export const REASON = "stopped in the console";

export function Reason({ value, change }: Props) {
  return (
    <label>
      Reason, which will be shown
      <input
        value={value}
        required
        maxLength={1024}
        onInput={(e) => change(e.currentTarget.value)}
      />
    </label>
  );
}
