using System.Text;
using System.Text.Json.Nodes;
using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

public sealed class AwsErrorsTests
{
    [Theory]
    [InlineData(429, "ThrottlingException", "Too many requests, please wait before trying again.", nameof(ProviderSignal.Limited))]
    [InlineData(400, "ThrottlingException:http://internal.amazon.com/coral/com.amazonaws.sagemaker/", "Rate exceeded", nameof(ProviderSignal.Limited))]
    [InlineData(429, "ThrottlingException", "Too many tokens per day, please wait before trying again.", nameof(ProviderSignal.QuotaSpent))]
    [InlineData(429, "TooManyRequestsException", "Rate Exceeded.", nameof(ProviderSignal.Limited))]
    [InlineData(400, "ServiceQuotaExceededException", "Your request exceeds the service quota for your account.", nameof(ProviderSignal.QuotaSpent))]
    [InlineData(429, "ModelNotReadyException", "The model is not ready.", nameof(ProviderSignal.Busy))]
    [InlineData(408, "ModelTimeoutException", "The request took too long to process.", nameof(ProviderSignal.Busy))]
    [InlineData(503, "ServiceUnavailable", "", nameof(ProviderSignal.Busy))]
    [InlineData(502, "ResourceNotReadyException", "", nameof(ProviderSignal.Busy))]
    [InlineData(500, "InternalFailure", "", nameof(ProviderSignal.Failed))]
    [InlineData(530, "InternalDependencyException", "", nameof(ProviderSignal.Failed))]
    [InlineData(424, "ModelErrorException", "The model failed.", nameof(ProviderSignal.Failed))]
    [InlineData(200, "modelStreamErrorException", "The model stream broke.", nameof(ProviderSignal.Failed))]
    [InlineData(200, "throttlingException", "Slow down.", nameof(ProviderSignal.Limited))]
    [InlineData(200, "validationException", "messages: text is empty", nameof(ProviderSignal.CallerError))]
    [InlineData(200, "Unhandled", "the function's own words", nameof(ProviderSignal.Failed))]
    [InlineData(403, "AccessDeniedException", "You don't have access to the model with the specified model ID.", nameof(ProviderSignal.KeyRefused))]
    [InlineData(403, "ExpiredTokenException", "The security token included in the request is expired", nameof(ProviderSignal.KeyRefused))]
    [InlineData(400, "ExpiredToken", "", nameof(ProviderSignal.KeyRefused))]
    [InlineData(403, "com.amazon.coral.service#UnrecognizedClientException", "The security token included in the request is invalid.", nameof(ProviderSignal.KeyRefused))]
    [InlineData(400, "ValidationException", "Input is too long for requested model.", nameof(ProviderSignal.TooLong))]
    [InlineData(400, "ValidationException", "The provided model identifier is invalid.", nameof(ProviderSignal.ModelUnknown))]
    [InlineData(400, "ValidationError", "Endpoint chat-prod of account 123456789012 not found.", nameof(ProviderSignal.ModelUnknown))]
    [InlineData(400, "ValidationException", "This model does not support assistant message prefill. The conversation must end with a user message.", nameof(ProviderSignal.PrefillRefused))]
    [InlineData(400, "ValidationException", "Output blocked by content filtering policy", nameof(ProviderSignal.Filtered))]
    [InlineData(400, "ValidationException", "1 validation error detected: Value '3' at 'temperature'", nameof(ProviderSignal.CallerError))]
    [InlineData(413, "RequestTooLargeException", "6294556 byte payload is too large", nameof(ProviderSignal.TooLong))]
    [InlineData(404, "ResourceNotFoundException", "Function not found: arn:aws:lambda:us-east-1:1:function:x", nameof(ProviderSignal.ModelUnknown))]
    [InlineData(403, null, "", nameof(ProviderSignal.KeyRefused))]
    [InlineData(429, null, "", nameof(ProviderSignal.Limited))]
    [InlineData(503, null, "", nameof(ProviderSignal.Busy))]
    [InlineData(418, "Something new", "", nameof(ProviderSignal.CallerError))]
    [InlineData(302, null, "", nameof(ProviderSignal.Failed))]
    public void An_error_says_whom_it_concerns(int status, string? name, string message, string signal)
    {
        var body = Encoding.UTF8.GetBytes(new JsonObject { ["message"] = message }.ToJsonString());
        var verdict = AwsErrors.Judge(status, name, body);
        Assert.Equal((signal, message), (verdict.Signal.ToString(), verdict.Reason));
        // In the body it counts as well, whatever the text is called.
        if (name is not null)
            Assert.Equal(signal, AwsErrors.Judge(status, null, Encoding.UTF8.GetBytes(
                new JsonObject { ["__type"] = name, ["Message"] = message }.ToJsonString())).Signal.ToString());
    }

    [Theory]
    [InlineData("")]
    [InlineData("<html>Bad gateway</html>")]
    [InlineData("[1,2]")]
    [InlineData("{\"message\":3}")]
    [InlineData("{\"message\":\"half")]
    public void A_body_that_is_anything_is_judged_by_its_status(string body)
    {
        var verdict = AwsErrors.Judge(502, null, Encoding.UTF8.GetBytes(body));
        Assert.Equal((ProviderSignal.Failed, "", null), (verdict.Signal, verdict.Reason, verdict.Code));
    }

    [Theory]
    [InlineData(400, """{"error":{"message":"This model's maximum context length is 4096 tokens.","code":"context_length_exceeded"}}""", nameof(ProviderSignal.TooLong))]
    [InlineData(400, """{"object":"error","message":"temperature must be non-negative","type":"BadRequestError","code":400}""", nameof(ProviderSignal.CallerError))]
    [InlineData(429, """{"error":{"message":"Model is overloaded","type":"overloaded"}}""", nameof(ProviderSignal.Limited))]
    [InlineData(503, """{"error":"Service Unavailable"}""", nameof(ProviderSignal.Busy))]
    [InlineData(500, """{"error":"CUDA out of memory"}""", nameof(ProviderSignal.Failed))]
    public void What_a_container_of_SageMaker_answered_is_judged_as_its_own(int status, string body, string signal)
    {
        var error = new JsonObject
        {
            ["Message"] = $"Received client error ({status}) from primary with message \"...\". See https://console for more information.",
            ["OriginalStatusCode"] = status,
            ["OriginalMessage"] = body,
        };
        var verdict = AwsErrors.Judge(424, "ModelError", Encoding.UTF8.GetBytes(error.ToJsonString()));
        Assert.Equal((signal, "ModelError"), (verdict.Signal.ToString(), verdict.Code));
        Assert.DoesNotContain("Received client error", verdict.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public void What_should_have_been_signed_is_not_told_on()
    {
        var verdict = AwsErrors.Judge(403, "InvalidSignatureException", Encoding.UTF8.GetBytes(new JsonObject
        {
            ["message"] = "The request signature we calculated does not match.\n\nThe Canonical String for this request should have been\n'POST\n/model\nx-amz-security-token:FwoGZXIvYXdzEXAMPLE'",
        }.ToJsonString()));
        Assert.Equal((ProviderSignal.KeyRefused, "The request signature we calculated does not match."), (verdict.Signal, verdict.Reason));
    }

    [Fact]
    public void A_long_reason_is_cut() =>
        Assert.Equal(603, AwsErrors.Judge(500, null, Encoding.UTF8.GetBytes(new JsonObject { ["message"] = new string('x', 5000) }.ToJsonString())).Reason.Length);
}
