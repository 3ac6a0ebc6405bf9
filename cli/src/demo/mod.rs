//! The medallion lake that `lakebed demo` builds, and how it is told.
//!
//! | module | question it answers |
//! |---|---|
//! | `data` | what do senders deliver? |
//! | `folder` | where is the lake built, and may that folder be used? |
//! | `lake` | how are the demo's tables made, promoted and asked? |
//! | `bronze`, `refine`, `upkeep` | what happens, step by step? |
//! | `story` | how is it told? |

mod bronze;
mod data;
mod folder;
mod lake;
mod refine;
mod story;
mod upkeep;

use lakebed_txlog::Result;
use serde_json::json;

use crate::args::DemoArgs;
use crate::context::Context;
use lake::Lake;
use story::Story;

/// Builds the lake and tells it.
pub(crate) async fn run(args: DemoArgs, context: &Context) -> Result<()> {
    folder::prepare(&args)?;
    let lake = Lake::new(&args.dir, context);
    let mut story = Story::begin(context);
    bronze::deliver(&lake, &mut story)?;
    bronze::ingest(&lake, &mut story).await?;
    refine::silver(&lake, &mut story).await?;
    refine::gold(&lake, &mut story).await?;
    refine::late_month(&lake, &mut story).await?;
    let before = upkeep::delete(&lake, &mut story).await?;
    upkeep::travel(&lake, &before, &mut story).await?;
    upkeep::restore(&lake, &before, &mut story).await?;
    upkeep::compact(&lake, &mut story).await?;
    upkeep::vacuum(&lake, &mut story).await?;
    let dir = args.dir.display();
    story.tell(
        "done",
        [("lake", json!(dir.to_string())), ("seconds", json!(story.elapsed().as_secs_f64()))],
        &format!(
            "\nDone in {}. The lake is in {dir}; any engine that reads Delta reads its tables. Go on with:\n\n\
             lakebed sql --lake {dir}\n\
             lakebed sql --lake {dir} 'SELECT * FROM gold.delays WHERE arrived > 50 ORDER BY avg_arr_delay DESC LIMIT 10'\n\
             lakebed sql --lake {dir} 'SELECT count(*) FROM gold.delays VERSION AS OF 1'\n\
             lakebed table history {dir}/silver/flights\n\
             lakebed table describe {dir}/silver/flights\n\
             lakebed table read {dir}/gold/delays --where \"carrier = 'UA'\" -o united.parquet\n\
             lakebed demo --help",
            story.took()
        ),
    )
}
