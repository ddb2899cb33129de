//! Prints the lifecycle table as JSON; the build generates `TaskLifecycle.can` and `next` from it.

fn main() {
    println!("{:#}", task_execution_engine::lifecycle::table_json());
}
