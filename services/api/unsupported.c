/* Operations of AWS Batch that OpenBatch does not have: the answer says so. Data. */
#include "unsupported.h"

#define NOT_BUILT(path, n, of)                                                                     \
    {                                                                                              \
        API_BATCH, "/v1/" path, n, .audit = AUDIT_NOTHING, .why = "OpenBatch has no " of           \
    }

const api_operation unsupported_operations[] = {
    NOT_BUILT("createconsumableresource", "CreateConsumableResource", "consumable resources"),
    NOT_BUILT("updateconsumableresource", "UpdateConsumableResource", "consumable resources"),
    NOT_BUILT("deleteconsumableresource", "DeleteConsumableResource", "consumable resources"),
    NOT_BUILT("describeconsumableresource", "DescribeConsumableResource", "consumable resources"),
    NOT_BUILT("listconsumableresources", "ListConsumableResources", "consumable resources"),
    NOT_BUILT(
        "listjobsbyconsumableresource", "ListJobsByConsumableResource", "consumable resources"),
    NOT_BUILT("createserviceenvironment",
              "CreateServiceEnvironment",
              "service jobs, which SageMaker runs"),
    NOT_BUILT("updateserviceenvironment",
              "UpdateServiceEnvironment",
              "service jobs, which SageMaker runs"),
    NOT_BUILT("deleteserviceenvironment",
              "DeleteServiceEnvironment",
              "service jobs, which SageMaker runs"),
    NOT_BUILT("describeserviceenvironments",
              "DescribeServiceEnvironments",
              "service jobs, which SageMaker runs"),
    NOT_BUILT("submitservicejob", "SubmitServiceJob", "service jobs, which SageMaker runs"),
    NOT_BUILT("describeservicejob", "DescribeServiceJob", "service jobs, which SageMaker runs"),
    NOT_BUILT("listservicejobs", "ListServiceJobs", "service jobs, which SageMaker runs"),
    NOT_BUILT("updateservicejob", "UpdateServiceJob", "service jobs, which SageMaker runs"),
    NOT_BUILT("terminateservicejob", "TerminateServiceJob", "service jobs, which SageMaker runs"),
    NOT_BUILT("terminateservicejobs", "TerminateServiceJobs", "service jobs, which SageMaker runs"),
    NOT_BUILT("createquotashare", "CreateQuotaShare", "quota shares, which are for service jobs"),
    NOT_BUILT("updatequotashare", "UpdateQuotaShare", "quota shares, which are for service jobs"),
    NOT_BUILT("deletequotashare", "DeleteQuotaShare", "quota shares, which are for service jobs"),
    NOT_BUILT(
        "describequotashare", "DescribeQuotaShare", "quota shares, which are for service jobs"),
    NOT_BUILT("listquotashares", "ListQuotaShares", "quota shares, which are for service jobs"),
    { 0 },
};
