//! Extractors that refuse with problem documents.

use crate::problem::Problem;
use axum::extract::{FromRequest, FromRequestParts, Json, Path, Query, Request};
use axum::http::request::Parts;
use greenhub_storage::relational::{LIMIT_MAX, PageRequest};
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// A JSON body.
pub struct Body<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Body<T> {
    type Rejection = Problem;
    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let Json(value) = Json::<T>::from_request(request, state).await?;
        Ok(Self(value))
    }
}

/// A query string.
pub struct Params<T>(pub T);

impl<T: DeserializeOwned, S: Send + Sync> FromRequestParts<S> for Params<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Query(value) = Query::<T>::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

/// Ids in the path; one that breaks its grammar names nothing, so it is 404.
pub struct Named<T>(pub T);

impl<T: DeserializeOwned + Send, S: Send + Sync> FromRequestParts<S> for Named<T> {
    type Rejection = Problem;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path(value) = Path::<T>::from_request_parts(parts, state).await?;
        Ok(Self(value))
    }
}

/// The paging part of every list call.
#[derive(Debug, Clone, Default, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub struct Paging {
    /// Rows wanted, 1 to 1000; 100 where it is missing.
    #[serde(default)]
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<u32>,
    /// `next` of the page before.
    #[serde(default)]
    pub cursor: Option<String>,
}

impl Paging {
    /// The checked request.
    pub fn request(self) -> Result<PageRequest, Problem> {
        paging(self.limit, self.cursor)
    }
}

/// Checks `limit` and `cursor`.
pub fn paging(limit: Option<u32>, cursor: Option<String>) -> Result<PageRequest, Problem> {
    match limit {
        Some(0) => Err(Problem::bad_request("limit must be at least 1")),
        Some(n) if n > LIMIT_MAX => Err(Problem::bad_request(format!("limit must be at most {LIMIT_MAX}"))),
        limit => Ok(PageRequest { limit: limit.unwrap_or(100), cursor }),
    }
}

/// Reads a comma list of words such as `P1,P2`.
pub fn words<T: DeserializeOwned>(name: &str, list: Option<&str>) -> Result<Vec<T>, Problem> {
    let words = list.into_iter().flat_map(|list| list.split(',')).map(str::trim).filter(|word| !word.is_empty());
    words
        .map(|word| {
            serde_json::from_value(serde_json::Value::String(word.to_owned()))
                .map_err(|_| Problem::bad_request(format!("{name} has no value {word:?}")))
        })
        .collect()
}
