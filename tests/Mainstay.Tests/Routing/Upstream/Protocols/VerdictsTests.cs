using Mainstay.Routing.Upstream.Protocols;

namespace Mainstay.Tests.Routing.Upstream.Protocols;

public sealed class VerdictsTests
{
    [Theory]
    [InlineData(400, """{"error":{"message":"bad temperature","type":"invalid_request_error","param":"temperature","code":null}}""", "CallerError")]
    [InlineData(422, "Failed to deserialize the JSON body", "CallerError")]
    [InlineData(400, """{"error":{"message":"This model's maximum context length is 4096 tokens.","code":"context_length_exceeded"}}""", "TooLong")]
    [InlineData(400, """{"object":"error","message":"This model's maximum context length is 4096 tokens. However, you requested 5000 tokens","type":"BadRequestError","code":400}""", "TooLong")]
    [InlineData(400, """{"error":{"message":"The input (5000 tokens) is longer than the model's context length (4096 tokens).","type":"BadRequestError","code":400}}""", "TooLong")]
    [InlineData(422, """{"error":"Input validation error: `inputs` tokens + `max_new_tokens` must be <= 4096. Given: 5000","error_type":"validation"}""", "TooLong")]
    [InlineData(400, """{"error":{"code":400,"message":"the request exceeds the available context size, try increasing it","type":"exceed_context_size_error"}}""", "TooLong")]
    [InlineData(400, """{"type":"error","error":{"type":"invalid_request_error","message":"prompt is too long: 210000 tokens > 200000 maximum"}}""", "TooLong")]
    [InlineData(400, """{"type":"error","error":{"type":"invalid_request_error","message":"input length and `max_tokens` exceed context limit: 190000 + 20000 > 200000"}}""", "TooLong")]
    [InlineData(413, "<html>Request Entity Too Large</html>", "TooLong")]
    [InlineData(400, """{"error":{"message":"The response was filtered","type":null,"code":"content_filter","innererror":{"code":"ResponsibleAIPolicyViolation"}}}""", "Filtered")]
    [InlineData(400, """{"error":{"message":"x","code":"content_policy_violation"}}""", "Filtered")]
    [InlineData(400, """{"type":"error","error":{"type":"invalid_request_error","message":"Output blocked by content filtering policy"}}""", "Filtered")]
    [InlineData(429, """{"error":{"message":"You exceeded your current quota","type":"insufficient_quota","code":"insufficient_quota"}}""", "QuotaSpent")]
    [InlineData(429, """{"error":{"message":"Rate limit reached","type":"requests","code":"rate_limit_exceeded"}}""", "Limited")]
    [InlineData(429, """[{"error":{"code":429,"message":"You exceeded your current quota, please wait.","status":"RESOURCE_EXHAUSTED"}}]""", "Limited")]
    [InlineData(429, "", "Limited")]
    [InlineData(429, "<html>", "Limited")]
    [InlineData(402, """{"error":{"message":"Insufficient Balance"}}""", "QuotaSpent")]
    [InlineData(400, """{"type":"error","error":{"type":"invalid_request_error","message":"Your credit balance is too low to access the Anthropic API."}}""", "QuotaSpent")]
    [InlineData(401, """{"error":{"message":"Incorrect API key provided","code":"invalid_api_key"}}""", "KeyRefused")]
    [InlineData(403, "", "KeyRefused")]
    [InlineData(403, """{"error":{"message":"Project does not have access to model","code":"model_not_found"}}""", "ModelUnknown")]
    [InlineData(404, """{"error":{"message":"The model 'x' does not exist","code":"model_not_found"}}""", "ModelUnknown")]
    [InlineData(404, """{"object":"error","message":"The model `x` does not exist.","type":"NotFoundError","code":404}""", "ModelUnknown")]
    [InlineData(404, """{"error":{"code":"DeploymentNotFound","message":"The API deployment for this resource does not exist."}}""", "ModelUnknown")]
    [InlineData(404, """{"type":"error","error":{"type":"not_found_error","message":"model: claude-x"}}""", "ModelUnknown")]
    [InlineData(404, """{"error":{"message":"No response found with id 'resp_1'.","type":"invalid_request_error"}}""", "CallerError")]
    [InlineData(404, "<html>Not Found</html>", "Failed")]
    [InlineData(404, """{"detail":"Not Found"}""", "Failed")]
    [InlineData(408, "", "Busy")]
    [InlineData(409, "", "Busy")]
    [InlineData(425, "", "Busy")]
    [InlineData(503, "<html>", "Busy")]
    [InlineData(529, """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""", "Busy")]
    [InlineData(500, """{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}""", "Busy")]
    [InlineData(500, """{"error":{"message":"The server had an error","type":"server_error"}}""", "Failed")]
    [InlineData(502, "<html><h1>Bad Gateway", "Failed")]
    [InlineData(504, "", "Failed")]
    [InlineData(424, """{"error":"Request failed during generation","error_type":"generation"}""", "Failed")]
    [InlineData(302, "", "Failed")]
    [InlineData(200, """{"error":{"message":"x","type":"rate_limit_error"}}""", "Limited")]
    [InlineData(200, """{"error":{"message":"x","code":503}}""", "Busy")]
    [InlineData(200, """{"error":{"message":"x","type":"invalid_request_error"}}""", "CallerError")]
    [InlineData(200, """{"error":{"message":"x","code":"context_length_exceeded"}}""", "TooLong")]
    [InlineData(200, """{"error":"something"}""", "Failed")]
    [InlineData(400, """{"error":{"message":"Unrecognized request argument supplied: continue_final_message"}}""", "PrefillRefused")]
    [InlineData(400, """{"object":"error","message":"Cannot set `add_generation_prompt` to True when the last message is from the assistant.","type":"BadRequestError","code":400}""", "PrefillRefused")]
    [InlineData(400, """{"type":"error","error":{"type":"invalid_request_error","message":"This model does not support assistant message prefill. The conversation must end with a user message."}}""", "PrefillRefused")]
    public void Says_whom_an_error_concerns(int status, string body, string signal) =>
        Assert.Equal(Enum.Parse<ProviderSignal>(signal), new OpenAi().Judge(status, Told.Bytes(body)).Signal);

    [Fact]
    public void Keeps_the_providers_words_and_code()
    {
        var verdict = new OpenAi().Judge(400, """{"error":{"message":"bad temperature","type":"invalid_request_error","code":"too_hot"}}"""u8);
        Assert.Equal("bad temperature", verdict.Reason);
        Assert.Equal("too_hot", verdict.Code);
        Assert.Equal("", new OpenAi().Judge(502, "<html>secret pages</html>"u8).Reason);
    }

    [Theory]
    [InlineData("Incorrect API key provided: sk-proj-abcdefgh1234567890. Find yours at https://platform.openai.com/account/api-keys.")]
    [InlineData("Incorrect API key provided: abcd****************wxyz.")]
    [InlineData("Invalid token Bearer abcd-wxyz-1")]
    [InlineData("No such key 0123456789abcdef0123456789abcdef")]
    public void A_key_that_the_provider_repeats_is_taken_out(string message)
    {
        var reason = new OpenAi().Judge(401, Told.Bytes("{\"error\":{\"message\":\"" + message + "\"}}")).Reason;
        Assert.Contains("…", reason, StringComparison.Ordinal);
        Assert.DoesNotContain("abcd", reason, StringComparison.Ordinal);
        Assert.DoesNotContain("wxyz", reason, StringComparison.Ordinal);
    }

    [Fact]
    public void The_name_of_a_model_is_no_key()
    {
        const string Message = "The model gpt-4o-mini-audio-preview-2024-12-17 does not exist";
        Assert.Equal(Message, new OpenAi().Judge(404, Told.Bytes("{\"error\":{\"message\":\"" + Message + "\"}}")).Reason);
    }

    [Theory]
    [InlineData("""{"error":{"message":"Unknown parameter: 'stream_options'."}}""", true)]
    [InlineData("""{"object":"error","message":{"detail":[{"type":"extra_forbidden","loc":["body","stream_options"],"msg":"Extra inputs are not permitted"}]}}""", true)]
    [InlineData("""{"error":{"message":"Unknown parameter: 'stop'."}}""", false)]
    public void Says_if_stream_options_are_refused(string body, bool refuses) =>
        Assert.Equal(refuses, new OpenAi().Judge(400, Told.Bytes(body)).RefusesUsage);

    [Theory]
    [InlineData("{\"error\":")]
    [InlineData("\0\u0001")]
    [InlineData("[]")]
    [InlineData("5")]
    [InlineData("""{"error":5,"message":["x"],"code":{}}""")]
    [InlineData("""{"error":{"message":"\ud800"}}""")]
    public void Takes_any_body(string body) => Assert.Equal(ProviderSignal.CallerError, new OpenAi().Judge(400, Told.Bytes(body)).Signal);
}
