"""Prints what MLflow's own client reads of a run, as JSON. Arguments: the server's address, the run's id."""

import json
import pathlib
import sys
import tempfile

import mlflow

uri, run_id = sys.argv[1:]
mlflow.set_tracking_uri(uri)
client = mlflow.MlflowClient()
run = client.get_run(run_id)
artifacts = {}
with tempfile.TemporaryDirectory() as folder:
    for item in client.list_artifacts(run_id):
        path = mlflow.artifacts.download_artifacts(run_id=run_id, artifact_path=item.path, dst_path=folder)
        artifacts[item.path] = pathlib.Path(path).read_text()
print(
    json.dumps(
        {
            "status": run.info.status,
            "runs": len(client.search_runs([run.info.experiment_id])),
            "params": run.data.params,
            "tags": run.data.tags,
            "metrics": {
                key: [[m.step, m.value] for m in sorted(client.get_metric_history(run_id, key), key=lambda m: (m.step, m.timestamp))]
                for key in run.data.metrics
            },
            "artifacts": artifacts,
        }
    )
)
