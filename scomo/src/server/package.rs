//! [`Package`]: a package as a server describes it to a device.

use dm_proto::{Data, Text};
use dm_tree::{NodeUri, UriError, remote::Setting};
use serde::{Deserialize, Serialize};

use crate::nodes;

/// A package as a server describes it to a device.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Package {
    /// The name of its node; `None` for one made from the ID.
    pub node: Option<Text>,
    /// `PkgID`: the server's own identifier of it.
    pub id: Text,
    /// `Name`: a name for people.
    pub name: Option<Text>,
    /// `Description`: for people.
    pub description: Option<Text>,
    /// `InstallParams`: opaque.
    pub install_params: Option<Text>,
    /// `EnvType`: the execution environment it is for.
    pub env_type: Option<Text>,
    /// `PkgType`: its media type.
    pub pkg_type: Option<Text>,
    /// `Reboot` (1.1): opaque. Left out for a device that has no such leaf.
    pub reboot: Option<Text>,
}

impl Package {
    /// A package with nothing but its ID.
    pub fn new(id: impl Into<Text>) -> Self {
        Self {
            id: id.into(),
            ..Self::default()
        }
    }

    /// The same with a node of that name, such as a permanent one.
    #[must_use]
    pub fn at_node(mut self, node: impl Into<Text>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// The same with a name.
    #[must_use]
    pub fn named(mut self, name: impl Into<Text>) -> Self {
        self.name = Some(name.into());
        self
    }

    /// The same with parameters.
    #[must_use]
    pub fn with_install_params(mut self, params: impl Into<Text>) -> Self {
        self.install_params = Some(params.into());
        self
    }

    /// The same for an execution environment.
    #[must_use]
    pub fn with_env_type(mut self, env_type: impl Into<Text>) -> Self {
        self.env_type = Some(env_type.into());
        self
    }

    /// The same with a content type.
    #[must_use]
    pub fn with_pkg_type(mut self, pkg_type: impl Into<Text>) -> Self {
        self.pkg_type = Some(pkg_type.into());
        self
    }

    /// Its node below `branch`.
    pub(super) fn uri(&self, branch: &NodeUri) -> Result<NodeUri, UriError> {
        match &self.node {
            Some(node) => branch.join(node),
            None => branch.join(&nodes::name_from(&self.id)),
        }
    }

    /// The nodes to create: what it is needed for is required, the rest is for people.
    pub(super) fn settings(
        &self,
        uri: &NodeUri,
        content: Setting,
    ) -> Result<Vec<Setting>, UriError> {
        let leaf = |name: &str, value: &Text| -> Result<Setting, UriError> {
            Ok(Setting::leaf(uri.join(name)?, "chr", value.clone()).with_type("text/plain"))
        };
        let mut settings = vec![
            Setting::interior(uri.clone()),
            leaf(nodes::PKG_ID, &self.id)?,
        ];
        for (name, value, required) in [
            (nodes::NAME, &self.name, false),
            (nodes::DESCRIPTION, &self.description, false),
            (nodes::PKG_TYPE, &self.pkg_type, false),
            (nodes::REBOOT, &self.reboot, false),
            (nodes::INSTALL_PARAMS, &self.install_params, true),
            (nodes::ENV_TYPE, &self.env_type, true),
        ] {
            settings.push(match value {
                Some(value) if required => leaf(name, value)?,
                Some(value) => leaf(name, value)?.optional(),
                // The node of an operation that failed stays, and with it what that one asked for.
                None => Setting::cleared(uri.join(name)?, "chr").with_type("text/plain"),
            });
        }
        settings.push(content);
        Ok(settings)
    }

    /// The leaf that says where the package is.
    pub(super) fn url_leaf(uri: &NodeUri, url: &Text) -> Result<Setting, UriError> {
        Ok(Setting::leaf(uri.join(nodes::PKG_URL)?, "chr", url.clone()).with_type("text/plain"))
    }

    /// The leaf that holds the package.
    pub(super) fn data_leaf(&self, uri: &NodeUri, data: &Data) -> Result<Setting, UriError> {
        let leaf = Setting::leaf(uri.join(nodes::DATA)?, "bin", data.clone());
        Ok(leaf.with_type(
            self.pkg_type
                .as_deref()
                .unwrap_or("application/octet-stream"),
        ))
    }
}
